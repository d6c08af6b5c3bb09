/** Holds what was last told of the daemon, and tells what changed: at once, but never more often than people can see. */
import type { Clock } from '../async/clock.ts';
import { NO_SNAPSHOT } from '../ui-state/empty.ts';
import { diffSnapshots } from '../ui-state/patch.ts';
import type { Patch, Snapshot } from '../ui-state/types.ts';
import { type Answers, type Assembled, assemble } from './assemble.ts';

export type PatchListener = (patch: Patch, seq: number) => void;

/** While somebody looks, and while nobody does. */
const SPACING_MS = 100;
const HIDDEN_SPACING_MS = 1_000;

export class Publisher {
  readonly #clock: Clock;
  readonly #listeners = new Set<PatchListener>();
  #last: Assembled | undefined;
  #snapshot: Snapshot = NO_SNAPSHOT;
  #seq = 0;
  #spacingMs = SPACING_MS;
  #toldAt = Number.NEGATIVE_INFINITY;
  #waiting: { readonly answers: Answers; readonly cancel: () => void } | undefined;

  constructor(clock: Clock, answers: Answers) {
    this.#clock = clock;
    this.#snapshot = assemble(answers);
    this.#last = { answers, snapshot: this.#snapshot };
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get seq(): number {
    return this.#seq;
  }

  subscribe(listener: PatchListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  setWatched(isWatched: boolean): void {
    this.#spacingMs = isWatched ? SPACING_MS : HIDDEN_SPACING_MS;
    if (isWatched && this.#waiting !== undefined) this.tell(this.#waiting.answers, 'now');
  }

  tell(answers: Answers, when: 'now' | 'soon'): void {
    const wait = this.#toldAt + this.#spacingMs - this.#clock.monotonic();
    const cancel = this.#waiting?.cancel;
    if (when === 'now' || wait <= 0) {
      cancel?.();
      this.#waiting = undefined;
      this.#tell(answers);
    } else {
      this.#waiting = { answers, cancel: cancel ?? this.#clock.after(wait, () => this.#due()) };
    }
  }

  /** Nothing more is told. */
  end(): void {
    this.#waiting?.cancel();
    this.#waiting = undefined;
    this.#listeners.clear();
  }

  #due(): void {
    const answers = this.#waiting?.answers;
    this.#waiting = undefined;
    if (answers !== undefined) this.#tell(answers);
  }

  #tell(answers: Answers): void {
    const snapshot = assemble(answers, this.#last);
    this.#last = { answers, snapshot };
    const patch = diffSnapshots(this.#snapshot, snapshot);
    if (patch === undefined) return;
    this.#toldAt = this.#clock.monotonic();
    this.#snapshot = snapshot;
    this.#seq++;
    for (const listener of this.#listeners) listener(patch, this.#seq);
  }
}
