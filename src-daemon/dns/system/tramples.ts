/** When to stop rewriting a file that another program keeps rewriting, too. */

/** As often as this within the window means a fight that nobody wins. */
const MOST = 10;
const WINDOW_MS = 5_000;

export type Verdict = 'rewrite' | 'give-up' | 'ignore';

export class Tramples {
  #recentMs: readonly number[] = [];
  #hasGivenUp = false;

  get hasGivenUp(): boolean {
    return this.#hasGivenUp;
  }

  /** The file was found with another content. */
  note(nowMs: number): Verdict {
    if (this.#hasGivenUp) return 'ignore';
    this.#recentMs = [...this.#recentMs.filter((atMs) => nowMs - atMs < WINDOW_MS), nowMs];
    if (this.#recentMs.length < MOST) return 'rewrite';
    this.#hasGivenUp = true;
    return 'give-up';
  }

  /** From here on as if nothing had happened. */
  tryAgain(): void {
    this.#recentMs = [];
    this.#hasGivenUp = false;
  }
}
