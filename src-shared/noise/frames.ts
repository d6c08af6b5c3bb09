/** Cuts a byte stream into the frames of the record layer, however TCP split it (control-protocol.md §3.6). */
import { HEADER_BYTES, MAX_BODY_BYTES, MAX_FRAME_BYTES, MessageType } from './messages.ts';

/** Plaintext that fits one record: frame less header less tag. */
export const MAX_PLAINTEXT_BYTES = MAX_BODY_BYTES - 16;

/** Holds at most one partial frame. After the first malformed header it stays broken. */
export class FrameSplitter {
  readonly #partial = new Uint8Array(MAX_FRAME_BYTES);
  #have = 0;
  #broken = false;

  /**
   * Calls `onBody` with the ciphertext of each complete record, a view that is valid only during the call. False once
   * the stream is malformed or `onBody` refused: the connection must end then.
   */
  feed(chunk: Uint8Array, onBody: (ciphertext: Uint8Array) => boolean): boolean {
    let at = 0;
    while (!this.#broken && at < chunk.length) {
      if (this.#have === 0) {
        const end = frameEnd(chunk, at);
        if (end !== undefined && end <= chunk.length) {
          if (end < 0 || !onBody(chunk.subarray(at + HEADER_BYTES, end))) this.#broken = true;
          at = end;
          continue;
        }
      }
      at = this.#fill(chunk, at, onBody);
    }
    return !this.#broken;
  }

  /** Moves bytes into the partial frame, up to its header and then up to its end. */
  #fill(chunk: Uint8Array, at: number, onBody: (ciphertext: Uint8Array) => boolean): number {
    const want = this.#have < HEADER_BYTES ? HEADER_BYTES : (frameEnd(this.#partial, 0) ?? HEADER_BYTES);
    const take = Math.min(want - this.#have, chunk.length - at);
    this.#partial.set(chunk.subarray(at, at + take), this.#have);
    this.#have += take;
    if (this.#have < HEADER_BYTES) return at + take;
    const end = frameEnd(this.#partial, 0) ?? -1;
    if (end < 0) this.#broken = true;
    else if (this.#have === end) {
      this.#have = 0;
      if (!onBody(this.#partial.subarray(HEADER_BYTES, end))) this.#broken = true;
    }
    return at + take;
  }
}

/** Where the frame at `at` ends; undefined when its header is incomplete, -1 when it is malformed. */
function frameEnd(bytes: Uint8Array, at: number): number | undefined {
  if (bytes.length - at < HEADER_BYTES) return undefined;
  const length = ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
  if (bytes[at] !== MessageType.Record || length > MAX_BODY_BYTES) return -1;
  return at + HEADER_BYTES + length;
}
