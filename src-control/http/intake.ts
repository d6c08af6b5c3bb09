/** The request bodies of one session while they come in: few at once and none for long, because strangers send them too. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Clock } from '#shared/async/clock.ts';
import { readBody } from './body.ts';

/** Each may hold up to `limit` bytes of memory; a client has two or three under way. */
const MAX_AT_ONCE = 8;
/** A body is a few kilobytes; one that takes longer is kept open on purpose. */
const BODY_MS = 15_000;

export class Intake {
  readonly #clock: Clock;
  #underWay = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The whole body, or undefined when too many are under way already; a slow one's stream is reset. */
  async read(stream: ServerHttp2Stream, limit: number): Promise<Uint8Array | undefined> {
    if (this.#underWay >= MAX_AT_ONCE) return undefined;
    this.#underWay += 1;
    let isHeld = true;
    const release = (): void => {
      if (isHeld) this.#underWay -= 1;
      isHeld = false;
    };
    // At once: the client's next request may be in the same packet as its reset, before any promise is settled.
    stream.once('aborted', release);
    const cancel = this.#clock.after(BODY_MS, () => stream.close(constants.NGHTTP2_CANCEL));
    try {
      return await readBody(stream, limit);
    } finally {
      cancel();
      release();
    }
  }
}
