/**
 * Follows one daemon: connects, asks, listens, and keeps a snapshot for every face of the program (desktop.md §3.4).
 *
 * The status is the truth; the bus says when to look again. So a stock daemon, whose bus tells less, serves as well, and
 * nothing here can drift away from what the daemon knows.
 */
import type { Clock } from '../async/clock.ts';
import { RhumbError, toRhumbError } from '../errors.ts';
import { type HealthState, Watch as Mask, type Notify } from '../localapi/notify.ts';
import type { Prefs } from '../localapi/prefs.ts';
import { type Status, stateName } from '../localapi/status.ts';
import type { Log } from '../log/log.ts';
import type { LocalApi } from '../node/localapi-client.ts';
import { NO_SNAPSHOT } from '../ui-state/empty.ts';
import { diffSnapshots } from '../ui-state/patch.ts';
import type { Link, Patch, Rights, Snapshot } from '../ui-state/types.ts';
import { type Answers, assemble } from './assemble.ts';

export interface DeskOptions {
  readonly api: LocalApi;
  readonly clock: Clock;
  readonly log: Log;
  /** As Node names the machine's system. */
  readonly platform: string;
  /** Whether this user may change things; asked after each connect. */
  readonly rights: (signal: AbortSignal) => Promise<Rights>;
  /** Why the daemon can't be had, when dialling failed: not installed, stopped, or not to be trusted. */
  readonly diagnose: (error: RhumbError) => Promise<Link>;
  /** Before each connect; throws `not-allowed` for a socket that must not be trusted. */
  readonly checkSocket: () => Promise<void>;
}

/** What is watched: state, preferences, health with actions, suggestions, versions, and that peers changed. */
const MASK =
  Mask.InitialState |
  Mask.InitialPrefs |
  Mask.InitialHealthState |
  Mask.HealthActions |
  Mask.InitialSuggestedExitNode |
  Mask.NoNetMap |
  Mask.PeerPatches;

/** Waits before each new attempt; the last one repeats. */
const RETRY_MS = [0, 250, 500, 1_000, 2_000, 3_000] as const;
/** How long a daemon that is just starting is waited for before anybody is told that it is absent. */
const SEARCH_MS = 2_000;
/** What comes together is looked at together. */
const SETTLE_MS = 50;
/** Paths and traffic change without a message; the pause grows with what looking costs. */
const REFRESH_MS = 2_000;
const HIDDEN_REFRESH_MS = 30_000;
const COST_FACTOR = 20;

export class Desk implements AsyncDisposable {
  readonly #options: DeskOptions;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(patch: Patch, seq: number) => void>();
  readonly #done: Promise<void>;
  #answers: Answers;
  #snapshot: Snapshot = NO_SNAPSHOT;
  #seq = 0;
  #isWatched = true;
  #wake = Promise.withResolvers<void>();
  #cancelSettle: (() => void) | undefined;
  #cancelRefresh: (() => void) | undefined;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#answers = nothingKnown(options.platform, { kind: 'searching' });
    this.#snapshot = assemble(this.#answers);
    this.#done = this.#follow(this.#stop.signal);
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  get seq(): number {
    return this.#seq;
  }

  /** Called with each change and its number. */
  subscribe(listener: (patch: Patch, seq: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether anybody looks: without, paths are not asked for so often. */
  setWatched(isWatched: boolean): void {
    if (isWatched === this.#isWatched) return;
    this.#isWatched = isWatched;
    if (isWatched) this.refresh();
  }

  /** Looks again soon: after a call that changed something, or when the window comes back. */
  refresh(): void {
    this.#cancelSettle ??= this.#options.clock.after(SETTLE_MS, () => {
      this.#cancelSettle = undefined;
      this.#wake.resolve();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new RhumbError('unavailable', 'the program is closing'));
    this.#cancelSettle?.();
    this.#cancelRefresh?.();
    await this.#done;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { clock, log, platform } = this.#options;
    const beganMs = clock.monotonic();
    for (let attempt = 0; !signal.aborted; attempt++) {
      const wait = RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)] ?? 0;
      if (wait > 0) await clock.sleep(wait, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#session(signal, () => {
          attempt = 0;
        });
      } catch (error) {
        if (signal.aborted) return;
        const failure = toRhumbError(error);
        log('info', 'desk.link-lost', { error: failure.message });
        const wasReady = this.#answers.link.kind === 'ready' || this.#answers.link.kind === 'lost';
        const isRecent = clock.monotonic() - beganMs < SEARCH_MS;
        if (wasReady && this.#lostFor() < SEARCH_MS) this.#set({ link: this.#lost() });
        else if (!isRecent || failure.code === 'not-allowed') {
          const link = await this.#options.diagnose(failure);
          this.#answers = nothingKnown(platform, link);
          this.#publish();
        }
      }
    }
  }

  #lostFor(): number {
    const { link } = this.#answers;
    return link.kind === 'lost' ? this.#options.clock.now() - link.sinceMs : 0;
  }

  /** The screen stays as it was for a moment: a restart takes no longer. */
  #lost(): Link {
    const { link } = this.#answers;
    return link.kind === 'lost' ? link : { kind: 'lost', sinceMs: this.#options.clock.now() };
  }

  /** From connecting until the stream ends, which is always an error. */
  async #session(signal: AbortSignal, connected: () => void): Promise<void> {
    const { api, checkSocket, rights } = this.#options;
    await checkSocket();
    const ended = new AbortController();
    const inner = AbortSignal.any([signal, ended.signal]);
    try {
      await using watch = await api.watch(MASK, inner);
      const [status, prefs, allowed] = await Promise.all([
        api.status({ peers: true }, inner),
        api.prefs(inner),
        rights(inner),
      ]);
      const accounts = await this.#accounts(allowed, inner);
      this.#set({ link: { kind: 'ready', rights: allowed }, ...ofStatus(status), prefs, ...accounts });
      connected();
      const looking = this.#keepLooking(inner);
      await Promise.race([this.#listen(watch), looking]);
    } finally {
      ended.abort();
      this.#cancelRefresh?.();
    }
  }

  async #listen(watch: AsyncIterable<Notify>): Promise<never> {
    for await (const message of watch) this.#heard(message);
    throw new RhumbError('unavailable', 'the daemon ended the stream');
  }

  #heard(message: Notify): void {
    const state = message.State === undefined ? undefined : stateName(message.State);
    const change: Partial<Answers> = {
      ...(state !== undefined && { state }),
      ...(message.Prefs !== undefined && { prefs: message.Prefs as Prefs }),
      ...(message.Health !== undefined && { health: message.Health as HealthState }),
      ...(message.SuggestedExitNode !== undefined && { suggested: message.SuggestedExitNode }),
      ...(message.ErrMessage !== undefined && { loginError: message.ErrMessage }),
      ...(message.LoginFinished !== undefined && { loginError: undefined }),
    };
    if (Object.keys(change).length > 0) this.#set(change);
    // Whatever else it says, the status says it too.
    this.refresh();
  }

  /** Asks for the status whenever there is news, and now and then for what makes none. */
  async #keepLooking(signal: AbortSignal): Promise<never> {
    const { api, clock } = this.#options;
    while (true) {
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
      signal.throwIfAborted();
      const began = clock.monotonic();
      const status = await api.status({ peers: true }, signal);
      const link = this.#answers.link;
      const accounts = link.kind === 'ready' ? await this.#accounts(link.rights, signal) : {};
      this.#set({ ...ofStatus(status), ...accounts });
      const cost = clock.monotonic() - began;
      const pause = Math.max(this.#isWatched ? REFRESH_MS : HIDDEN_REFRESH_MS, cost * COST_FACTOR);
      this.#cancelRefresh?.();
      this.#cancelRefresh = clock.after(pause, () => this.refresh());
    }
  }

  /** The list of accounts is only for those who may change it. */
  async #accounts(rights: Rights, signal: AbortSignal): Promise<Partial<Answers>> {
    if (rights !== 'manage') return {};
    const { api } = this.#options;
    const [profiles, current] = await Promise.all([api.profiles(signal), api.currentProfile(signal)]);
    return { profiles, currentProfile: current.ID };
  }

  #set(change: Partial<Answers>): void {
    this.#answers = { ...this.#answers, ...change };
    this.#publish();
  }

  #publish(): void {
    const next = assemble(this.#answers);
    const patch = diffSnapshots(this.#snapshot, next);
    if (patch === undefined) return;
    this.#snapshot = next;
    this.#seq++;
    for (const listener of this.#listeners) listener(patch, this.#seq);
  }
}

/** A status is as new as the moment it was asked for, so it decides the state until the bus says otherwise. */
const ofStatus = (status: Status): Pick<Answers, 'status' | 'state' | 'version'> => ({
  status,
  state: undefined,
  version: status.Version,
});

const nothingKnown = (platform: string, link: Link): Answers => ({
  link,
  version: '',
  isRhumb: false,
  platform,
  status: undefined,
  state: undefined,
  prefs: undefined,
  health: undefined,
  profiles: [],
  currentProfile: '',
  suggested: '',
  loginError: undefined,
});
