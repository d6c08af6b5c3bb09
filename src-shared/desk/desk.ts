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
import { stateName } from '../localapi/status.ts';
import type { Log } from '../log/log.ts';
import type { LocalApi } from '../node/localapi-client.ts';
import type { Link, Rights, Snapshot } from '../ui-state/types.ts';
import { type Answers, knownState } from './assemble.ts';
import { Bell } from './bell.ts';
import { askFacts, askPolicy } from './extras.ts';
import { NO_POLICY, policyOf } from './policy.ts';
import { type PatchListener, Publisher } from './publisher.ts';

/** What the desk asks of the daemon. */
export type DeskApi = Pick<
  LocalApi,
  'watch' | 'status' | 'prefs' | 'profiles' | 'currentProfile' | 'get' | 'rhumbVersion'
>;

export interface DeskOptions {
  readonly api: DeskApi;
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
  /** Whether this program and a rhumbd of that version understand each other; without it they always do. */
  readonly isCompatible?: (daemonVersion: string) => boolean;
}

/** What is watched: state, preferences, health with actions, suggestions, and that peers changed. */
const MASK =
  Mask.InitialState |
  Mask.InitialPrefs |
  Mask.NoPrivateKeys |
  Mask.InitialHealthState |
  Mask.HealthActions |
  Mask.InitialSuggestedExitNode |
  Mask.NoNetMap |
  Mask.PeerPatches |
  Mask.SysPolicyChanges;

/** Waits before each new attempt; the last one repeats. */
const RETRY_MS = [0, 250, 500, 1_000, 2_000, 3_000] as const;
/** A session that ends sooner is a failure like any other: who lets us in only to show us out is asked less and less often. */
const STABLE_MS = 2_000;
/** How long a daemon that is just starting, or starting again, is waited for before anybody is told that it is absent. */
const SEARCH_MS = 2_000;
/** A daemon that says nothing for so long has hung. */
const ANSWER_MS = 10_000;
/** What comes together is looked at together. */
const SETTLE_MS = 50;
/** Paths change without a message; the pauses grow with what looking costs. */
const REFRESH_MS = 2_000;
const HIDDEN_REFRESH_MS = 30_000;
/** What was measured is no more than history after this long. */
const MEASURED_MS = 600_000;
const IDLE_COST_FACTOR = 20;
const BUSY_COST_FACTOR = 4;

export class Desk implements AsyncDisposable {
  readonly #options: DeskOptions;
  readonly #stop = new AbortController();
  readonly #bell = new Bell();
  readonly #publisher: Publisher;
  readonly #done: Promise<void>;
  readonly #beganAt: number;
  #answers: Answers;
  #isWatched = true;
  /** States that the bus told so far: one that was told while a status was on its way is newer than that. */
  #statesHeard = 0;
  #accountsAreOld = true;
  #mayLookAt = 0;
  #cancelSettle: (() => void) | undefined;
  #cancelRefresh: (() => void) | undefined;
  #cancelMeasured: (() => void) | undefined;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#beganAt = options.clock.monotonic();
    this.#answers = nothingKnown(options.platform, { kind: 'searching' });
    this.#publisher = new Publisher(options.clock, this.#answers);
    this.#done = this.#follow(this.#stop.signal);
  }

  get snapshot(): Snapshot {
    return this.#publisher.snapshot;
  }

  /** Number of the last patch. */
  get seq(): number {
    return this.#publisher.seq;
  }

  /** The page that the daemon gave for one of its warnings. */
  warningPage(code: string): string | undefined {
    const warnings = this.#answers.health?.Warnings ?? {};
    return Object.hasOwn(warnings, code) ? warnings[code]?.PrimaryAction?.URL : undefined;
  }

  /** Called with each change and its number. */
  subscribe(listener: PatchListener): () => void {
    return this.#publisher.subscribe(listener);
  }

  /** Whether anybody looks: without, the daemon is not asked so often. */
  setWatched(isWatched: boolean): void {
    if (isWatched === this.#isWatched) return;
    this.#isWatched = isWatched;
    this.#publisher.setWatched(isWatched);
    if (isWatched) this.refresh();
  }

  /** Milliseconds to relay regions, as somebody here has just measured them. */
  measured(latencies: ReadonlyMap<number, number>): void {
    this.#cancelMeasured?.();
    this.#cancelMeasured = this.#options.clock.after(MEASURED_MS, () => this.#set({ measured: new Map() }));
    this.#set({ measured: latencies });
  }

  /** Looks again soon: after a call that changed something, or when the window comes back. */
  refresh(): void {
    this.#accountsAreOld = true;
    this.#lookSoon();
  }

  #lookSoon(): void {
    const { clock } = this.#options;
    const wait = Math.max(SETTLE_MS, this.#mayLookAt - clock.monotonic());
    this.#cancelSettle ??= clock.after(wait, () => {
      this.#cancelSettle = undefined;
      this.#bell.ring();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new RhumbError('unavailable', 'the program is closing'));
    this.#cancelSettle?.();
    this.#cancelMeasured?.();
    this.#publisher.end();
    await this.#done;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const wait = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 0;
      if (wait > 0) await clock.sleep(wait, signal).catch(() => undefined); // only ever ends early because we end
      if (signal.aborted) return;
      const began = clock.monotonic();
      try {
        this.#become(await this.#session(signal));
      } catch (error) {
        if (signal.aborted) return;
        await this.#failed(toRhumbError(error));
      }
      failures = clock.monotonic() - began >= STABLE_MS ? 0 : failures + 1;
    }
  }

  async #failed(failure: RhumbError): Promise<void> {
    const { clock, log, diagnose } = this.#options;
    const { link } = this.#answers;
    log('info', 'desk.link-lost', { error: failure.message });
    const isPatient =
      failure.code !== 'not-allowed' &&
      (link.kind === 'ready' ||
        (link.kind === 'lost' && clock.now() - link.sinceMs < SEARCH_MS) ||
        (link.kind === 'searching' && clock.monotonic() - this.#beganAt < SEARCH_MS));
    if (isPatient) {
      // The screen stays as it was for a moment: a restart takes no longer.
      if (link.kind === 'ready') this.#set({ link: { kind: 'lost', sinceMs: clock.now() } }, 'now');
      return;
    }
    try {
      this.#become(await diagnose(failure));
    } catch (error) {
      log('warn', 'desk.diagnosis-failed', { error });
      this.#become({ kind: 'absent', why: 'stopped' });
    }
  }

  /** Without a daemon nothing is known of it. */
  #become(link: Link): void {
    this.#answers = nothingKnown(this.#options.platform, link);
    this.#publisher.tell(this.#answers, 'now');
  }

  /** From connecting until the stream ends, which is an error; gives what it is instead of a session with a daemon that we can't use. */
  async #session(signal: AbortSignal): Promise<Link> {
    const { api, checkSocket, rights, isCompatible, log } = this.#options;
    await checkSocket();
    const ended = new AbortController();
    const inner = AbortSignal.any([signal, ended.signal]);
    try {
      await using watch = await this.#answered(ended, () => api.watch(MASK, inner));
      const version = api.rhumbVersion;
      if (version !== undefined && isCompatible?.(version) === false)
        return { kind: 'mismatch', daemonVersion: version };
      const isRhumb = version !== undefined;
      const [status, prefs, allowed, policy, facts] = await this.#answered(ended, () =>
        Promise.all([
          api.status({ peers: true }, inner),
          api.prefs(inner),
          rights(inner),
          askPolicy(api, inner),
          askFacts(api, isRhumb, inner),
        ]),
      );
      this.#accountsAreOld = true;
      const accounts = await this.#answered(ended, () => this.#accounts(allowed, inner));
      const known = { status, state: undefined, sawRunningMs: undefined, version: status.Version, isRhumb };
      const all = { ...known, prefs, policy, ...facts, ...accounts };
      this.#set({ link: { kind: 'ready', rights: allowed }, ...all }, 'now');
      return await Promise.race([this.#listen(watch), this.#keepLooking(ended, inner)]);
    } catch (error) {
      const { code, message } = toRhumbError(error);
      if (!signal.aborted && code === 'protocol') {
        log('warn', 'desk.not-understood', { error: message });
        return { kind: 'mismatch', daemonVersion: api.rhumbVersion ?? '' };
      }
      throw error;
    } finally {
      ended.abort();
      this.#cancelRefresh?.();
    }
  }

  /** Ends the whole session when there is no answer in time. */
  async #answered<T>(ended: AbortController, ask: () => Promise<T>): Promise<T> {
    const cancel = this.#options.clock.after(ANSWER_MS, () =>
      ended.abort(new RhumbError('timeout', 'the daemon does not answer')),
    );
    try {
      return await ask();
    } finally {
      cancel();
    }
  }

  async #listen(watch: AsyncIterable<Notify>): Promise<never> {
    for await (const message of watch) this.#heard(message);
    throw new RhumbError('unavailable', 'the daemon ended the stream');
  }

  #heard(message: Notify): void {
    const state = message.State === undefined ? undefined : stateName(message.State);
    if (state !== undefined) this.#statesHeard++;
    const isIn = message.LoginFinished !== undefined || state === 'Starting' || state === 'Running';
    const change: Partial<Answers> = {
      // `NoState` is passed through on the way to another; told late it would hide what the status says already.
      ...(state !== undefined && { state: state === 'NoState' ? undefined : state }),
      ...(message.Prefs !== undefined && { prefs: message.Prefs as Prefs }),
      ...(message.Health !== undefined && { health: message.Health as HealthState }),
      ...(message.Policy !== undefined && { policy: policyOf(message.Policy) }),
      ...(message.SuggestedExitNode !== undefined && { suggested: message.SuggestedExitNode }),
      ...(isIn && { loginError: undefined }),
      ...(message.ErrMessage !== undefined && { loginError: message.ErrMessage }),
    };
    if (message.LoginFinished !== undefined || message.Prefs !== undefined || state !== undefined)
      this.#accountsAreOld = true;
    if (Object.keys(change).length > 0) this.#set(change);
    // Whatever else it says, the status says it too.
    this.#lookSoon();
  }

  /** Asks for the status whenever there is news, and now and then for what makes none. */
  async #keepLooking(ended: AbortController, signal: AbortSignal): Promise<never> {
    const { api, clock } = this.#options;
    this.#lookSoon();
    while (true) {
      await this.#bell.heard(signal);
      this.#cancelRefresh?.();
      const began = clock.monotonic();
      const heard = this.#statesHeard;
      const [status, facts] = await this.#answered(ended, () =>
        Promise.all([
          api.status({ peers: true }, signal),
          this.#accountsAreOld || this.#answers.isRhumb
            ? askFacts(api, this.#answers.isRhumb, signal)
            : undefined,
        ]),
      );
      const { link } = this.#answers;
      const accounts =
        link.kind === 'ready' ? await this.#answered(ended, () => this.#accounts(link.rights, signal)) : {};
      const isNewest = heard === this.#statesHeard;
      this.#set({
        status,
        version: status.Version,
        ...(isNewest && { state: undefined }),
        ...facts,
        ...accounts,
      });
      const cost = clock.monotonic() - began;
      this.#mayLookAt = clock.monotonic() + cost * BUSY_COST_FACTOR;
      const pause = Math.max(this.#isWatched ? REFRESH_MS : HIDDEN_REFRESH_MS, cost * IDLE_COST_FACTOR);
      this.#cancelRefresh = clock.after(pause, () => this.#bell.ring());
    }
  }

  /** The list of accounts is only for those who may change it, and seldom another one. */
  async #accounts(rights: Rights, signal: AbortSignal): Promise<Partial<Answers>> {
    if (rights !== 'manage' || !this.#accountsAreOld) return {};
    this.#accountsAreOld = false;
    const { api } = this.#options;
    // One after the other: an account that is new in the list must not be missed by an older word on which is in use.
    const profiles = await api.profiles(signal);
    const current = await api.currentProfile(signal);
    return { profiles, currentProfile: current.ID };
  }

  /** Who sees it become connected knows since when. */
  #withSince(next: Answers): Answers {
    const before = this.#answers;
    const after = stateOf(next);
    if (before.link.kind !== 'ready' || after === stateOf(before)) return next;
    const isSeen = after === 'Running' && stateOf(before) !== 'NoState';
    return { ...next, sawRunningMs: isSeen ? this.#options.clock.now() : undefined };
  }

  #set(change: Partial<Answers>, when: 'now' | 'soon' = 'soon'): void {
    this.#answers = this.#withSince({ ...this.#answers, ...change });
    this.#publisher.tell(this.#answers, when);
  }
}

const stateOf = ({ state, status }: Answers): string => state ?? knownState(status?.BackendState);

const nothingKnown = (platform: string, link: Link): Answers => ({
  link,
  version: '',
  isRhumb: false,
  platform,
  status: undefined,
  state: undefined,
  sawRunningMs: undefined,
  facts: undefined,
  policy: NO_POLICY,
  derpMap: undefined,
  measured: new Map(),
  prefs: undefined,
  health: undefined,
  profiles: [],
  currentProfile: '',
  suggested: '',
  loginError: undefined,
});
