/** Cuts one connection's bytes into frames where they lie, without copying any but the frame that two chunks share. */
import { Buffer } from 'node:buffer';
import { HEADER_BYTES } from '#shared/derp/frames.ts';

export const Verdict = {
  /** Give me the frame when it is whole. */
  Take: 0,
  /** Throw away its payload as it comes. */
  Skip: 1,
  /** I take it, but read on only after `release`. */
  Wait: 2,
  /** The connection is over. */
  Fail: 3,
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

export interface FrameHandler {
  /** Judges a header, once, before anything of its payload is kept. */
  judge(type: number, length: number): Verdict;
  /** A whole frame with its header at `at`. The buffer may be written to and kept. */
  frame(buffer: Buffer, at: number, type: number, length: number): void;
  /** No more frames of this buffer follow. */
  scanned(): void;
}

const Mode = { Running: 0, Held: 1, Stopped: 2 } as const;
type Mode = (typeof Mode)[keyof typeof Mode];

/** A frame's buffer starts at this size and doubles as bytes come: five bytes must not make us set aside 64 KiB. */
const FIRST_BYTES = 4_096;

/** Holds nothing between frames, which is where idle clients are. */
export class Inbox {
  readonly #handler: FrameHandler;
  #mode: Mode = Mode.Running;
  /** The header at the front has been judged already. */
  #isJudged = false;
  /** Payload bytes still to be thrown away. */
  #skip = 0;
  /** The beginning of a frame whose end has not come. */
  #partial: Buffer | undefined;
  #have = 0;
  /** What came while held; the connection is paused then, so it is a chunk or two. */
  #backlog: Buffer[] | undefined;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  push(chunk: Buffer): void {
    if (this.#mode === Mode.Held) this.#keep(chunk);
    else if (this.#mode === Mode.Running) this.#read(chunk);
  }

  /** Reads no further until `release`; may be called from within `frame`. */
  hold(): void {
    if (this.#mode === Mode.Running) this.#mode = Mode.Held;
  }

  release(): void {
    if (this.#mode !== Mode.Held) return;
    this.#mode = Mode.Running;
    const backlog = this.#backlog;
    this.#backlog = undefined;
    if (backlog !== undefined) for (const chunk of backlog) this.push(chunk);
  }

  /** Drops all that is held and all that comes. */
  stop(): void {
    this.#mode = Mode.Stopped;
    this.#partial = undefined;
    this.#backlog = undefined;
  }

  #keep(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#backlog ??= [];
    this.#backlog.push(chunk);
  }

  #read(chunk: Buffer): void {
    let at = 0;
    if (this.#skip > 0) {
      at = Math.min(this.#skip, chunk.length);
      this.#skip -= at;
    } else if (this.#partial !== undefined) {
      if (this.#have < HEADER_BYTES) {
        const joined = Buffer.concat([this.#partial.subarray(0, this.#have), chunk]);
        this.#partial = undefined;
        this.#scan(joined, 0);
        return;
      }
      at = this.#complete(this.#partial, chunk);
      if (this.#partial !== undefined) return;
      if (this.#mode !== Mode.Running) {
        this.push(chunk.subarray(at));
        return;
      }
    }
    this.#scan(chunk, at);
  }

  /** Fills the partial frame from the chunk, hands it out when whole, and says how much of the chunk it took. */
  #complete(partial: Buffer, chunk: Buffer): number {
    const total = HEADER_BYTES + lengthAt(partial, 0);
    const taken = Math.min(total - this.#have, chunk.length);
    const room = this.#grow(partial, this.#have + taken, total);
    chunk.copy(room, this.#have, 0, taken);
    this.#have += taken;
    if (this.#have < total) {
      this.#partial = room;
      return taken;
    }
    this.#partial = undefined;
    this.#isJudged = false;
    this.#handler.frame(room, 0, room[0] as number, total - HEADER_BYTES);
    this.#handler.scanned();
    return taken;
  }

  #grow(partial: Buffer, needed: number, total: number): Buffer {
    if (needed <= partial.length) return partial;
    const size = Math.min(total, Math.max(needed, 2 * partial.length));
    const grown = Buffer.allocUnsafeSlow(size);
    partial.copy(grown, 0, 0, this.#have);
    return grown;
  }

  #scan(buffer: Buffer, from: number): void {
    const handler = this.#handler;
    const to = buffer.length;
    let at = from;
    while (to - at >= HEADER_BYTES) {
      const type = buffer[at] as number;
      const length = lengthAt(buffer, at);
      if (!this.#isJudged) {
        const verdict = handler.judge(type, length);
        if (verdict === Verdict.Skip) {
          const there = Math.min(length, to - at - HEADER_BYTES);
          at += HEADER_BYTES + there;
          this.#skip = length - there;
          continue;
        }
        if (verdict === Verdict.Fail) return;
        this.#isJudged = true;
        if (verdict === Verdict.Wait) {
          this.hold();
          break;
        }
      }
      const end = at + HEADER_BYTES + length;
      if (end > to) break;
      this.#isJudged = false;
      handler.frame(buffer, at, type, length);
      at = end;
      if (this.#mode !== Mode.Running) break;
    }
    handler.scanned();
    if (at === to || this.#mode === Mode.Stopped) return;
    if (this.#mode === Mode.Held) this.#keep(buffer.subarray(at));
    else this.#stash(buffer, at);
  }

  #stash(buffer: Buffer, at: number): void {
    const have = buffer.length - at;
    const total = have < HEADER_BYTES ? HEADER_BYTES : HEADER_BYTES + lengthAt(buffer, at);
    const size = Math.min(total, Math.max(have, FIRST_BYTES));
    // Not from Node's pool: a frame that is queued for long must not hold eight others' memory.
    this.#partial = Buffer.allocUnsafeSlow(size);
    buffer.copy(this.#partial, 0, at);
    this.#have = have;
  }
}

function lengthAt(buffer: Buffer, at: number): number {
  return (
    (buffer[at + 1] as number) * 0x1_00_00_00 +
    (((buffer[at + 2] as number) << 16) | ((buffer[at + 3] as number) << 8) | (buffer[at + 4] as number))
  );
}
