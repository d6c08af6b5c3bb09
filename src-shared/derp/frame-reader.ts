/** Cuts a byte stream into relay frames, with a limit on each before anything of it is kept (nat-traversal.md §9.2.6). */
import { RhumbError } from '../errors.ts';
import { HEADER_BYTES } from './frames.ts';

export interface Frame {
  readonly type: number;
  /** A view, valid until the next `push`. */
  readonly payload: Uint8Array;
}

const EMPTY = new Uint8Array(0);
const LEAST_BYTES = 4_096;

/**
 * Frames that lie whole in a pushed chunk are handed out as views into it; only a frame cut in two is copied, into one
 * buffer of its own size.
 */
export class FrameReader {
  readonly #limit: (type: number) => number;
  readonly #mustSkip: (type: number) => boolean;
  /** What has not been handed out: either the last chunk itself or our own buffer. */
  #data: Uint8Array = EMPTY;
  #from = 0;
  #to = 0;
  #isOwn = false;
  /** Payload bytes that are still to be thrown away, and of which type. */
  #skipping = 0;
  #skippedType = -1;

  /**
   * `limit` is the largest payload of a type; `mustSkip` says of which types the payload is thrown away as it comes (the
   * frame is then handed out empty), so that types which nobody knows cost no memory and need no limit.
   */
  constructor(limit: (type: number) => number, mustSkip: (type: number) => boolean = () => false) {
    this.#limit = limit;
    this.#mustSkip = mustSkip;
  }

  /** Bytes held that do not make a frame yet. */
  get pendingBytes(): number {
    return this.#to - this.#from;
  }

  /** The frame whose header is there and whose payload is not: for limits that act before the body is read. */
  get header(): { readonly type: number; readonly length: number } | undefined {
    if (this.#skipping > 0) return { type: this.#skippedType, length: this.#skipping };
    if (this.pendingBytes < HEADER_BYTES) return undefined;
    return { type: this.#data[this.#from] as number, length: this.#length() };
  }

  /** The chunk is read in place until the next `push`: the caller must leave it alone for that long. */
  push(chunk: Uint8Array): void {
    if (this.pendingBytes === 0) {
      this.#data = chunk;
      this.#from = 0;
      this.#to = chunk.length;
      this.#isOwn = false;
      return;
    }
    this.#reserve(chunk.length);
    this.#data.set(chunk, this.#to);
    this.#to += chunk.length;
  }

  /** The next whole frame; throws `protocol` for one above its limit, after which the stream is useless. */
  next(): Frame | undefined {
    if (this.#skippedType >= 0) return this.#skip();
    if (this.pendingBytes < HEADER_BYTES) return undefined;
    const type = this.#data[this.#from] as number;
    const length = this.#length();
    if (this.#mustSkip(type)) {
      this.#from += HEADER_BYTES;
      this.#skipping = length;
      this.#skippedType = type;
      return this.#skip();
    }
    const limit = this.#limit(type);
    if (length > limit)
      throw new RhumbError(
        'protocol',
        `relay frame 0x${type.toString(16)} has ${length} bytes, above ${limit}`,
      );
    const end = this.#from + HEADER_BYTES + length;
    if (end > this.#to) return undefined;
    const payload = this.#data.subarray(this.#from + HEADER_BYTES, end);
    this.#from = end;
    return { type, payload };
  }

  #length(): number {
    const d = this.#data;
    const at = this.#from;
    const high = ((d[at + 1] as number) << 16) | ((d[at + 2] as number) << 8) | (d[at + 3] as number);
    return high * 256 + (d[at + 4] as number);
  }

  #skip(): Frame | undefined {
    const now = Math.min(this.#skipping, this.pendingBytes);
    this.#from += now;
    this.#skipping -= now;
    if (this.#skipping > 0) return undefined;
    const type = this.#skippedType;
    this.#skippedType = -1;
    return { type, payload: EMPTY };
  }

  /** Makes room for `more` bytes behind what is pending, in a buffer of our own. */
  #reserve(more: number): void {
    const pending = this.pendingBytes;
    if (this.#isOwn && this.#to + more <= this.#data.length) return;
    // Twice what is there, not the length that the header claims: five bytes must not make us set aside a megabyte.
    const size = Math.max(LEAST_BYTES, pending + Math.max(pending, more));
    const fresh = new Uint8Array(size);
    fresh.set(this.#data.subarray(this.#from, this.#to));
    this.#data = fresh;
    this.#from = 0;
    this.#to = pending;
    this.#isOwn = true;
  }
}
