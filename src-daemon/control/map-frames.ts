/** Cuts the body of a map stream into messages and unpacks them (control-protocol.md §5.1). */
import { zstdDecompressSync } from 'node:zlib';
import { equal } from '#shared/bytes/bytes.ts';
import { RhumbError } from '#shared/errors.ts';
import { parseJson } from '#shared/wire/json.ts';
import { type MapResponse, mapResponse } from '#shared/wire/map.ts';

/** Ten thousand machines make about 15 MB of JSON and a tenth of it compressed. */
const MAX_FRAME_BYTES = 64 * 1_024 * 1_024;
const MAX_MESSAGE_BYTES = 256 * 1_024 * 1_024;
const LENGTH_BYTES = 4;

/** What stays allocated between messages; a whole map must not hold its memory all day. */
const KEEP_BYTES = 64 * 1_024;

/**
 * `[length, 4 bytes little-endian][payload]`, repeated; DATA frame borders mean nothing. Memory is at most twice what
 * arrived of one message, however small the pieces.
 */
export class MapFrameReader {
  #buffer = new Uint8Array(0);
  #have = 0;

  /** Copies of the payloads that are complete now; throws when a length is impossible. */
  feed(chunk: Uint8Array): Uint8Array[] {
    this.#append(chunk);
    const complete: Uint8Array[] = [];
    const view = new DataView(this.#buffer.buffer);
    let at = 0;
    while (this.#have - at >= LENGTH_BYTES) {
      const size = view.getUint32(at, true);
      if (size === 0 || size > MAX_FRAME_BYTES)
        throw new RhumbError('protocol', `the control server sent a map message of ${size} bytes`);
      const from = at + LENGTH_BYTES;
      if (this.#have - from < size) break;
      complete.push(this.#buffer.slice(from, from + size));
      at = from + size;
    }
    if (at > 0) this.#drop(at);
    return complete;
  }

  #append(chunk: Uint8Array): void {
    const needed = this.#have + chunk.length;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, this.#have));
      this.#buffer = grown;
    }
    this.#buffer.set(chunk, this.#have);
    this.#have = needed;
  }

  #drop(count: number): void {
    const rest = this.#buffer.subarray(count, this.#have);
    this.#have = rest.length;
    if (rest.length <= KEEP_BYTES && this.#buffer.length > KEEP_BYTES) this.#buffer = rest.slice();
    else this.#buffer.set(rest);
  }
}

const KEEP_ALIVE: MapResponse = mapResponse.parse({ KeepAlive: true });

/** Decodes messages of one stream; knows the bytes of its last bare keepalive, which servers repeat all day. */
export class MapMessageDecoder {
  #keepAlive: Uint8Array | undefined;

  /** Throws a RhumbError that says what is wrong with the message. */
  decode(payload: Uint8Array): MapResponse {
    if (this.#keepAlive !== undefined && equal(payload, this.#keepAlive)) return KEEP_ALIVE;
    const raw = unpack(payload);
    const parsed = mapResponse.safeParse(raw);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw malformed(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'wrong shape'}`);
    }
    if (isBareKeepAlive(raw)) this.#keepAlive = payload.slice();
    return parsed.data;
  }
}

const malformed = (why: string): RhumbError =>
  new RhumbError('protocol', `the control server sent a malformed map: ${why}`);

const isBareKeepAlive = (raw: unknown): boolean =>
  typeof raw === 'object' && raw !== null && Object.keys(raw).length === 1 && 'KeepAlive' in raw;

function unpack(payload: Uint8Array): unknown {
  let bytes: Uint8Array;
  try {
    bytes = zstdDecompressSync(payload, { maxOutputLength: MAX_MESSAGE_BYTES });
  } catch (error) {
    throw malformed(error instanceof RangeError ? 'it unpacks to too much' : 'it is not zstd');
  }
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw malformed('it is not JSON');
  }
}
