/** SSH sessions that wait for a proof of who is at the other end: in memory, bounded, each for a quarter of an hour. */
import { randomInt } from 'node:crypto';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { SshSession } from '../state/ssh-checks.ts';

const WAIT_MS = 15 * 60_000;
const MAX_WAITING = 1_024;
/** At one destination, which asks in the name of whoever connects to it. */
const MAX_PER_DESTINATION = 64;

export type Verdict = 'accepted' | 'rejected';

export interface WaitingSession {
  readonly id: string;
  readonly session: SshSession;
  /** Shown in the terminal and on the page: the same on both, or somebody else is at the other end. */
  readonly number: string;
  readonly createdAt: number;
}

interface Entry {
  readonly waiting: WaitingSession;
  readonly cancelTimer: () => void;
  readonly waiters: Set<(verdict: Verdict | undefined) => void>;
  verdict: Verdict | undefined;
}

export class WaitingSessions {
  readonly #clock: Clock;
  readonly #mintId: () => string;
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, mintId: () => string) {
    this.#clock = clock;
    this.#mintId = mintId;
  }

  /** Throws `unavailable` when too many wait: those who wait already are not pushed out. */
  open(session: SshSession): WaitingSession {
    const own = [...this.#entries.values()].filter(
      ({ waiting }) => waiting.session.destination.id === session.destination.id,
    );
    if (own.length >= MAX_PER_DESTINATION || this.#entries.size >= MAX_WAITING)
      throw new RhumbError('unavailable', 'too many SSH sessions wait for a check');
    const number = String(randomInt(10, 100));
    const waiting = { id: this.#mintId(), session, number, createdAt: this.#clock.now() };
    const cancelTimer = this.#clock.after(WAIT_MS, () => this.#drop(waiting.id));
    this.#entries.set(waiting.id, { waiting, cancelTimer, waiters: new Set(), verdict: undefined });
    return waiting;
  }

  /** Undefined once it is decided, too old or unknown. */
  get(id: string): WaitingSession | undefined {
    const entry = this.#entries.get(id);
    return entry?.verdict === undefined ? entry?.waiting : undefined;
  }

  /** Also when it is decided. */
  sessionOf(id: string): SshSession | undefined {
    return this.#entries.get(id)?.waiting.session;
  }

  list(): readonly WaitingSession[] {
    return [...this.#entries.values()].filter((one) => one.verdict === undefined).map((one) => one.waiting);
  }

  /** Resolves with the verdict, or with undefined when there is nothing (any more) to wait for. */
  async wait(id: string, signal: AbortSignal): Promise<Verdict | undefined> {
    signal.throwIfAborted();
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.verdict !== undefined) return entry?.verdict;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        entry.waiters.delete(done);
        reject(signal.reason);
      };
      const done = (verdict: Verdict | undefined): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(verdict);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      entry.waiters.add(done);
    });
  }

  settle(id: string, verdict: Verdict): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.verdict !== undefined) return;
    entry.verdict = verdict;
    for (const wake of entry.waiters) wake(verdict);
    entry.waiters.clear();
  }

  /** Lets every waiter go, at shutdown. */
  clear(): void {
    for (const id of [...this.#entries.keys()]) this.#drop(id);
  }

  #drop(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    entry.cancelTimer();
    for (const wake of entry.waiters) wake(entry.verdict);
    entry.waiters.clear();
  }
}
