/** The bus of Notify messages: one bounded queue per watcher, and what each watcher asked for (localapi-and-daemon.md §2.6, §2.7). */
import type { Clock } from '#shared/async/clock.ts';
import { BoundedQueue } from '#shared/async/queue.ts';
import { type Notify, Watch } from '#shared/localapi/notify.ts';
import { foldActions } from './health-json.ts';

/** A reader that falls this far behind is dropped, never waited for. */
const QUEUE_LIMIT = 128;
const BORING_INTERVAL_MS = 3_000;
/** A reader that fell behind has this long to take what is left for it. */
const LAST_MESSAGES_MS = 10_000;

export const FELL_BEHIND = 'IPN bus consumer fell behind; closing watch';

/** Who a watcher is, for messages that aren't for everyone. */
export interface WatchActor {
  readonly uid: number | undefined;
}

/** A message before it is cut to what each watcher asked for. */
export interface Announcement extends Notify {
  /** Whole nodes, for watchers that want changes of peers but no patches, in place of `PeerChangedPatch`. */
  readonly PatchedPeers?: Notify['PeersChanged'];
}

/** What a watcher with this mask gets of a message; undefined when nothing is left of it. */
export function select(mask: number, message: Announcement): Notify | undefined {
  const has = (bit: number): boolean => (mask & bit) !== 0;
  const peers = has(Watch.PeerChanges);
  const {
    PeersChanged,
    PeersRemoved,
    PeerChangedPatch,
    PatchedPeers,
    UserProfiles,
    NetMap,
    Engine,
    PeerState,
    Health,
    ...rest
  } = message;
  const patches = has(Watch.PeerPatches);
  const whole = patches ? PeersChanged : both(PeersChanged, PatchedPeers);
  const kept: Notify = {
    ...rest,
    ...(has(Watch.EngineUpdates) && Engine !== undefined && { Engine }),
    ...(has(Watch.InitialNetMap) && !has(Watch.NoNetMap) && NetMap !== undefined && { NetMap }),
    ...(peers && whole !== undefined && { PeersChanged: whole }),
    ...(peers && PeersRemoved !== undefined && { PeersRemoved }),
    ...(patches && PeerChangedPatch !== undefined && { PeerChangedPatch }),
    ...(peers && UserProfiles !== undefined && { UserProfiles }),
    ...(has(Watch.PeerWireGuardState) && PeerState !== undefined && { PeerState }),
    ...(Health !== undefined && { Health: has(Watch.HealthActions) ? Health : foldActions(Health) }),
  };
  return Object.values(kept).some((value) => value !== undefined) ? kept : undefined;
}

type Peers = Notify['PeersChanged'];
const both = (a: Peers, b: Peers): Peers => (a === undefined ? b : b === undefined ? a : [...a, ...b]);

/** The same object for every watcher of a mask, so that its text is made once. */
type Selected = (mask: number) => Notify | undefined;

function selector(message: Announcement): Selected {
  const made = new Map<number, Notify | undefined>();
  return (mask) => {
    if (!made.has(mask)) made.set(mask, select(mask, message));
    return made.get(mask);
  };
}

/** A message without its profiles, once for each message. */
const bare = new WeakMap<Notify, Notify>();
function withoutProfiles(message: Notify): Notify {
  const known = bare.get(message);
  if (known !== undefined) return known;
  const { UserProfiles: _, ...rest } = message;
  bare.set(message, rest);
  return rest;
}

/** A message without its map, once for each message; undefined when nothing is left. */
const mapless = new WeakMap<Notify, { readonly rest: Notify | undefined }>();
function withoutMap(message: Notify): Notify | undefined {
  const known = mapless.get(message);
  if (known !== undefined) return known.rest;
  const { NetMap: _, ...kept } = message;
  const rest = Object.keys(kept).length > 0 ? kept : undefined;
  mapless.set(message, { rest });
  return rest;
}

export class Watcher {
  readonly mask: number;
  readonly actor: WatchActor;
  readonly #queue = new BoundedQueue<Notify>(QUEUE_LIMIT);
  readonly #clock: Clock;
  #fellBehind = false;
  /** The newest message with a map, which may wait in the queue. */
  #withMap: Notify | undefined;
  /** Text of each profile already sent, by user id. */
  #profiles = new Map<string, string>();
  #boring: Notify | undefined;
  #lastBoringAt = Number.NEGATIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;
  readonly #overdue = new AbortController();
  #cancelOverdue: (() => void) | undefined;

  constructor(mask: number, actor: WatchActor, clock: Clock) {
    this.mask = mask;
    this.actor = actor;
    this.#clock = clock;
  }

  /** Aborts some seconds after the reader fell behind, unless the watch was removed until then. */
  get overdue(): AbortSignal {
    return this.#overdue.signal;
  }

  /** The first message of a watch: not selected, because the mask's initial bits already chose its fields. */
  pushInitial(message: Notify): void {
    this.#enqueue(message);
  }

  push(announcement: Announcement, selected: Notify | undefined = select(this.mask, announcement)): void {
    if (selected === undefined) return;
    const message = this.#withNewProfiles(selected);
    if ((this.mask & Watch.RateLimit) === 0) this.#enqueue(message);
    else this.#pushLimited(message);
  }

  /** The next message, or undefined when the watch has ended. */
  async next(signal: AbortSignal): Promise<Notify | undefined> {
    const message = await this.#queue.next(signal);
    if (message !== undefined || !this.#fellBehind) return message;
    this.#fellBehind = false;
    return { ErrMessage: FELL_BEHIND };
  }

  /** Forgets which profiles were sent: another self sees other users. */
  resetProfiles(): void {
    this.#profiles = new Map();
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#cancelOverdue?.();
    this.#cancelOverdue = undefined;
    this.#queue.close();
  }

  /** Network maps and counters at most every three seconds, the newest of each; everything else at once. */
  #pushLimited({ NetMap, Engine, ...rest }: Notify): void {
    if (Object.keys(rest).length > 0) this.#enqueue(rest);
    if (NetMap === undefined && Engine === undefined) return;
    this.#boring = {
      ...this.#boring,
      ...(NetMap !== undefined && { NetMap }),
      ...(Engine !== undefined && { Engine }),
    };
    if (this.#cancelTimer !== undefined) return;
    const wait = this.#lastBoringAt + BORING_INTERVAL_MS - this.#clock.monotonic();
    if (wait <= 0) this.#flushBoring();
    else this.#cancelTimer = this.#clock.after(wait, () => this.#flushBoring());
  }

  #flushBoring(): void {
    this.#cancelTimer = undefined;
    const message = this.#boring;
    this.#boring = undefined;
    this.#lastBoringAt = this.#clock.monotonic();
    if (message !== undefined) this.#enqueue(message);
  }

  #withNewProfiles(message: Notify): Notify {
    if (message.UserProfiles === undefined) return message;
    const fresh: Record<string, (typeof message.UserProfiles)[string]> = {};
    const all = Object.entries(message.UserProfiles);
    let count = 0;
    for (const [id, profile] of all) {
      const text = `${profile.LoginName}\n${profile.DisplayName}\n${profile.ProfilePicURL}`;
      if (this.#profiles.get(id) === text) continue;
      this.#profiles.set(id, text);
      fresh[id] = profile;
      count++;
    }
    if (count === all.length) return message;
    const rest = withoutProfiles(message);
    return count > 0 ? { ...rest, UserProfiles: fresh } : rest;
  }

  /** Only the newest map may wait: a hundred of a large network would fill our memory for one slow reader. */
  #supersedeMap(message: Notify): void {
    const before = this.#withMap;
    this.#withMap = message;
    if (before !== undefined) this.#queue.replace(before, withoutMap(before));
  }

  #enqueue(message: Notify): void {
    if (this.#queue.closed || Object.keys(message).length === 0) return;
    if (message.NetMap !== undefined) this.#supersedeMap(message);
    if (this.#queue.push(message)) return;
    this.#fellBehind = true;
    this.close();
    this.#cancelOverdue = this.#clock.after(LAST_MESSAGES_MS, () => this.#overdue.abort());
  }
}

export class Bus {
  readonly #clock: Clock;
  readonly #watchers = new Set<Watcher>();
  readonly #changed: () => void;

  /** `changed` is called when watchers come and go. */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  get size(): number {
    return this.#watchers.size;
  }

  /** Whether anyone asked for one of these bits. */
  wants(bits: number): boolean {
    for (const watcher of this.#watchers) if ((watcher.mask & bits) !== 0) return true;
    return false;
  }

  add(mask: number, actor: WatchActor): Watcher {
    const watcher = new Watcher(mask, actor, this.#clock);
    this.#watchers.add(watcher);
    this.#changed();
    return watcher;
  }

  remove(watcher: Watcher): void {
    watcher.close();
    if (this.#watchers.delete(watcher)) this.#changed();
  }

  /** `only` limits a message to some watchers. Never waits. */
  send(message: Announcement, only: (actor: WatchActor) => boolean = () => true): void {
    if (this.#watchers.size === 0) return;
    const selected = selector(message);
    for (const watcher of this.#watchers)
      if (only(watcher.actor)) watcher.push(message, selected(watcher.mask));
  }

  resetProfiles(): void {
    for (const watcher of this.#watchers) watcher.resetProfiles();
  }

  close(): void {
    for (const watcher of [...this.#watchers]) this.remove(watcher);
  }
}
