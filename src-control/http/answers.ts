/** Large answers of one session that are on their way: few at once and none for long, because nobody must read them. */
import { constants } from 'node:http2';
import type { Clock } from '#shared/async/clock.ts';

/** What is needed of a stream. */
interface Answered {
  once(event: 'close', fn: () => void): unknown;
  close(code: number): void;
}

/** Each may be megabytes; clients ask for one at a time. */
const MAX_AT_ONCE = 2;
/** As for map streams: whoever reads nothing for so long has lost interest. */
const ANSWER_MS = 30_000;

export class Answers {
  readonly #clock: Clock;
  #underWay = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False when too many are under way; else the stream has its place until it closes, which it must soon. */
  admit(stream: Answered): boolean {
    if (this.#underWay >= MAX_AT_ONCE) return false;
    this.#underWay += 1;
    const cancel = this.#clock.after(ANSWER_MS, () => stream.close(constants.NGHTTP2_CANCEL));
    stream.once('close', () => {
      cancel();
      this.#underWay -= 1;
    });
    return true;
  }
}
