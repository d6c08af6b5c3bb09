/** Sends call-me-maybe with addresses that still hold: what a NAT showed of us is asked again first if it is old (§5.5). */
import type { Clock } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import type { LocalEndpoints, PeerId } from './types.ts';

/** Just under the 30 s after which many NATs forget. */
const FRESH_MS = 27_000;
/** The peer gets what is known after this; a different list follows. */
const PATIENCE_MS = 500;
const REFRESH_MS = 5_000;
/** A list that changes this soon after a call is told too. */
const AMEND_MS = 10_000;
/** The same list again within this time tells nothing. */
const TOLD_MS = 4_000;

export interface CallerDeps {
  readonly clock: Clock;
  readonly log: Log;
  nowMs(): number;
  endpoints(): LocalEndpoints;
  refreshEndpoints(): Promise<LocalEndpoints>;
  send(peer: PeerId, list: readonly SockAddr[]): void;
  /** Whether the peer still waits for a path. */
  isWanted(peer: PeerId): boolean;
}

interface Call {
  readonly atMs: number;
  /** What was sent, as text; undefined = nothing yet. */
  readonly sent: string | undefined;
}

export class Caller {
  readonly #deps: CallerDeps;
  readonly #calls = new Map<PeerId, Call>();
  /** When the refresh that is under way began. */
  #refreshingSinceMs: number | undefined;
  #cancelPatience: (() => void) | undefined;
  #isClosed = false;

  constructor(deps: CallerDeps) {
    this.#deps = deps;
  }

  /** With `afresh` what is known goes out at once, and what a new look shows if it differs. */
  call(peer: PeerId, afresh: boolean): void {
    if (this.#isClosed) return;
    const nowMs = this.#deps.nowMs();
    const { list, ageMs } = this.#deps.endpoints();
    const before = this.#calls.get(peer);
    // The call at the first miss may have told the same a moment ago.
    const isTold = afresh && before?.sent === textOf(list) && nowMs - before.atMs < TOLD_MS;
    this.#calls.set(peer, { atMs: nowMs, sent: isTold ? before.sent : undefined });
    const isFresh = ageMs < FRESH_MS;
    if (isFresh && !isTold) this.#send(peer, list);
    if (isFresh && !afresh) return;
    if (!isFresh)
      this.#cancelPatience ??= this.#deps.clock.after(PATIENCE_MS, () => {
        this.#cancelPatience = undefined;
        this.#tell(this.#deps.endpoints().list);
      });
    if (!this.#isRefreshing) void this.#refresh();
  }

  /** Our addresses changed: whoever was called lately and still waits gets the new list. */
  endpointsChanged(): void {
    const { list, ageMs } = this.#deps.endpoints();
    // While a refresh is under way its end tells them.
    if (!this.#isRefreshing || ageMs < FRESH_MS) this.#tell(list);
  }

  forget(peer: PeerId): void {
    this.#calls.delete(peer);
  }

  close(): void {
    this.#isClosed = true;
    this.#calls.clear();
    this.#cancelPatience?.();
    this.#cancelPatience = undefined;
  }

  /** One that takes longer than any look at a NAT is no reason to wait for. */
  get #isRefreshing(): boolean {
    const sinceMs = this.#refreshingSinceMs;
    return sinceMs !== undefined && this.#deps.nowMs() - sinceMs < REFRESH_MS;
  }

  async #refresh(): Promise<void> {
    const sinceMs = this.#deps.nowMs();
    this.#refreshingSinceMs = sinceMs;
    const over = (): void => {
      if (this.#refreshingSinceMs === sinceMs) this.#refreshingSinceMs = undefined;
    };
    try {
      const { list } = await this.#deps.refreshEndpoints();
      over();
      this.#tell(list);
    } catch (error) {
      over();
      this.#deps.log('debug', 'endpoints.refresh-failed', { why: toRhumbError(error).message });
      this.#tell(this.#deps.endpoints().list);
    }
  }

  /** Everyone who has not had this list yet. */
  #tell(list: readonly SockAddr[]): void {
    if (this.#isClosed) return;
    const oldestMs = this.#deps.nowMs() - AMEND_MS;
    for (const [peer, { atMs, sent }] of this.#calls) {
      if (atMs < oldestMs) this.#calls.delete(peer);
      else if (sent !== textOf(list) && this.#deps.isWanted(peer)) this.#send(peer, list);
    }
  }

  #send(peer: PeerId, list: readonly SockAddr[]): void {
    // The time stays that of the call: amendments must not go on for ever.
    const atMs = this.#calls.get(peer)?.atMs ?? this.#deps.nowMs();
    this.#calls.set(peer, { atMs, sent: textOf(list) });
    this.#deps.send(peer, list);
  }
}

const textOf = (list: readonly SockAddr[]): string => list.map(formatSockAddr).sort().join();
