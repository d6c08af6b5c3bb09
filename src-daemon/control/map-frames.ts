/** Cuts the body of a map stream into messages and unpacks them (control-protocol.md §5.1). */
import { zstdDecompressSync } from 'node:zlib';
import { concat, equal } from '#shared/bytes/bytes.ts';
import { RhumbError } from '#shared/errors.ts';
import { parseJson } from '#shared/wire/json.ts';
import { type MapResponse, mapResponse } from '#shared/wire/map.ts';

/** Ten thousand machines make about 15 MB of JSON and a tenth of it compressed. */
const MAX_FRAME_BYTES = 64 * 1_024 * 1_024;
const MAX_MESSAGE_BYTES = 256 * 1_024 * 1_024;
const LENGTH_BYTES = 4;

/** `[length, 4 bytes little-endian][payload]`, repeated; DATA frame borders mean nothing. Memory follows what arrived. */
export class MapFrameReader {
  #parts: Uint8Array[] = [];
  #have = 0;
  #want: number | undefined;

  /** The payloads that are complete now; throws when a length is impossible. */
  feed(chunk: Uint8Array): Uint8Array[] {
    const complete: Uint8Array[] = [];
    if (chunk.length > 0) this.#parts.push(chunk);
    this.#have += chunk.length;
    while (true) {
      if (this.#want === undefined) {
        if (this.#have < LENGTH_BYTES) return complete;
        const head = this.#take(LENGTH_BYTES);
        this.#want = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
        if (this.#want === 0 || this.#want > MAX_FRAME_BYTES)
          throw new RhumbError('protocol', `the control server sent a map message of ${this.#want} bytes`);
      }
      if (this.#have < this.#want) return complete;
      complete.push(this.#take(this.#want));
      this.#want = undefined;
    }
  }

  /** Joins only when a payload is complete, so that each byte is copied once however many chunks it came in. */
  #take(length: number): Uint8Array {
    const first = this.#parts[0];
    const all = this.#parts.length === 1 && first !== undefined ? first : concat(...this.#parts);
    const rest = all.subarray(length);
    this.#parts = rest.length > 0 ? [rest] : [];
    this.#have = rest.length;
    return all.subarray(0, length);
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
