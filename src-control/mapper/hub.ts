/** All map streams: tells each what changed, in batches; knows who is online and when an identity runs twice. */
import type { Clock, Random } from '#shared/async/clock.ts';
import { shortKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import type { PolicyView } from '../policy/live/view.ts';
import type { Change } from '../state/changes.ts';
import { applyMapFacts, type MapFacts } from '../state/map-facts.ts';
import { type Meter, noMeter, type TimingLabels, type TimingName } from '../state/meter.ts';
import type { Network } from '../state/network.ts';
import { Books, Dirt } from './books.ts';
import { type DeltaDeps, deltaFrame, type FrameCache } from './delta.ts';
import type { DnsSource } from './dns-source.ts';
import { FanOut } from './fan-out.ts';
import { encodeLarge } from './frames.ts';
import { fullMap } from './full.ts';
import { Gate } from './gate.ts';
import { type PingOrder, pingFrame } from './ping.ts';
import { Presence } from './presence.ts';
import { derpMapMember } from './relays-member.ts';
import { MapSession, type SessionEnd, type StreamRequest } from './session.ts';

export interface HubDeps {
  readonly network: Network;
  readonly policy: PolicyView;
  readonly dns: DnsSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly baseDomain: string;
  readonly derpMap: DerpMap | undefined;
  readonly meter?: Meter;
}

/** The next round waits this many times what the last one took, within these bounds: a quiet network hears at once. */
const WINDOW_MIN_MS = 20;
const WINDOW_MAX_MS = 800;
const WINDOW_PER_ROUND_MS = 4;
/** Whole maps in the making; each may be megabytes. */
const MAPS_AT_ONCE = 4;
/** With so many waiting everybody is coming back at once: then first maps are spread over a while (coordination-server.md §21.6). */
const CROWD = 32;
const SPREAD_MS = 5_000;

export class Hub {
  readonly #deps: HubDeps;
  readonly #meter: Meter;
  readonly #sessions = new Set<MapSession>();
  readonly #presence: Presence;
  readonly #streamListeners = new Set<(nodeId: number) => void>();
  readonly #fanOut: FanOut;
  readonly #gate = new Gate(MAPS_AT_ONCE);
  readonly #unsubscribe: () => void;
  #cancelRound: (() => void) | undefined;
  #nextRoundAt = 0;
  /** When the oldest change happened that no round has spread yet. */
  #changedAt: number | undefined;
  #isClosed = false;
  readonly #closing = new AbortController();
  #derpMap: DerpMap | undefined;
  /** What streams have been sent of the relays, as text: only a difference is worth a message. */
  #derpMember: string;

  constructor(deps: HubDeps) {
    this.#deps = deps;
    this.#meter = deps.meter ?? noMeter;
    this.#derpMap = deps.derpMap;
    this.#derpMember = derpMapMember(deps.derpMap);
    const presence = new Presence(deps);
    this.#presence = presence;
    this.#fanOut = new FanOut({
      network: deps.network,
      policy: deps.policy,
      dns: deps.dns,
      sessionsOf: (id) => presence.sessionsOf(id),
      sessions: () => this.#sessions,
    });
    this.#unsubscribe = deps.network.subscribe((changes) => this.#onChanges(changes));
  }

  get streamCount(): number {
    return this.#sessions.size;
  }

  /** Opens a stream: the full map first, then whatever changes. The newest stream of a machine ends its older one. */
  async open(request: StreamRequest, facts: MapFacts, observedIp: string | undefined): Promise<void> {
    if (this.#isClosed) return request.sink.end();
    const { clock, random, log } = this.#deps;
    const session = new MapSession(request, clock, random, {
      ready: () => this.#schedule(),
      ended: (ended, why) => this.#onEnded(ended, why),
    });
    session.latest = facts;
    this.#take(request.nodeId, facts);
    this.#sessions.add(session);
    this.#presence.arrive(session, observedIp);
    for (const listener of this.#streamListeners) listener(request.nodeId);
    log('debug', 'stream.opened', { node: request.nodeId, streams: this.#sessions.size });
    await this.#sendFull(session);
  }

  /** One full message for a machine that asked for just that. */
  async oneShot(
    nodeId: number,
    capver: number,
    isCompressed: boolean,
    withPeers: boolean,
  ): Promise<Uint8Array> {
    using _turn = await this.#gate.enter();
    const view = this.#deps.network.node(nodeId);
    if (view === undefined) return new Uint8Array(0);
    this.#meter.count('map_requests', { kind: 'one-shot' });
    this.#fanOut.spread();
    const startedAt = this.#deps.clock.monotonic();
    const json = fullMap(this.#deltaDeps(), { view, capver }, new Books(), withPeers);
    const frame = await encodeLarge(json, isCompressed);
    this.#time('map_encode_seconds', startedAt, { class: 'full' });
    return frame;
  }

  /**
   * Takes over what a machine reports between streams. While an identity runs twice, only the machine with the newest
   * stream counts; what the other says is kept for the day when it is alone.
   */
  async update(nodeId: number, facts: MapFacts): Promise<void> {
    const record = this.#deps.network.node(nodeId)?.record;
    if (record === undefined) return;
    this.#meter.count('map_requests', { kind: 'update' });
    this.#presence.remember(nodeId, facts);
    if (this.#presence.isOwner(nodeId, facts)) await applyMapFacts(this.#deps.network, record, facts);
  }

  /** Asks a machine to call back; false when it has no stream that takes the question now. */
  ping(nodeId: number, order: PingOrder): boolean {
    const session = this.#presence.sessionsOf(nodeId).at(-1);
    if (session === undefined) return false;
    const frame = pingFrame(order, session.request.isCompressed);
    const isSent = session.ask(frame);
    if (isSent) this.#note('ping', frame);
    return isSent;
  }

  /** Tells of each machine that gets or loses a stream; the result ends it. */
  watchStreams(listener: (nodeId: number) => void): () => void {
    this.#streamListeners.add(listener);
    return () => this.#streamListeners.delete(listener);
  }

  /** Which stream a machine has now: another object after it came back. */
  streamOf(nodeId: number): object | undefined {
    return this.#presence.sessionsOf(nodeId).at(-1);
  }

  get derpMap(): DerpMap | undefined {
    return this.#derpMap;
  }

  /** Tells every machine of other relays; nothing happens when they are the same. */
  setDerpMap(derpMap: DerpMap | undefined): void {
    const member = derpMapMember(derpMap);
    this.#derpMap = derpMap;
    if (member === this.#derpMember) return;
    this.#derpMember = member;
    this.#deps.log('info', 'derp-map.changed', { regions: Object.keys(derpMap?.Regions ?? {}) });
    this.#fanOut.markAll(Dirt.Relays);
    this.#schedule();
  }

  /** After a restart: see `Presence`. */
  hold(): void {
    this.#presence.hold();
  }

  /** Ends every stream in order; clients come back to the next server. */
  close(): void {
    this.#isClosed = true;
    this.#closing.abort();
    this.#unsubscribe();
    this.#cancelRound?.();
    for (const session of [...this.#sessions]) session.close('shutdown');
    this.#presence.close();
  }

  /** In memory at once, on disk soon: a stream need not wait for the disk to begin. */
  #take(nodeId: number, facts: MapFacts): void {
    const record = this.#deps.network.node(nodeId)?.record;
    if (record === undefined) return;
    applyMapFacts(this.#deps.network, record, facts).catch((error: unknown) =>
      this.#deps.log('error', 'node.not-written', { node: nodeId, error }),
    );
  }

  async #sendFull(session: MapSession): Promise<void> {
    const { nodeId, capver, isCompressed } = session.request;
    const askedAt = this.#deps.clock.monotonic();
    if (this.#gate.queue >= CROWD) await this.#pause(this.#deps.random() * SPREAD_MS);
    using _turn = await this.#gate.enter();
    if (session.isEnded) return;
    const view = this.#deps.network.node(nodeId);
    if (view === undefined) return session.close('node-gone');
    // What happened until now is in the map, and must not come after it once more.
    this.#fanOut.spread();
    const books = new Books();
    const startedAt = this.#deps.clock.monotonic();
    const json = fullMap(this.#deltaDeps(), { view, capver }, books, true);
    // What changes from here on comes as a delta, also while the frame is being compressed.
    session.books = books;
    const frame = await encodeLarge(json, isCompressed);
    this.#time('map_encode_seconds', startedAt, { class: 'full' });
    session.send(frame);
    this.#note('full', frame);
    this.#time('map_first_frame_seconds', askedAt, {});
    this.#schedule();
  }

  /** Ends with the hub. */
  #pause(ms: number): Promise<void> {
    return this.#deps.clock.sleep(ms, this.#closing.signal).catch(() => undefined);
  }

  #onChanges(changes: readonly Change[]): void {
    if (changes.some((change) => change.kind === 'reset')) {
      for (const session of [...this.#sessions]) session.close('reset');
      return;
    }
    for (const change of changes) this.#endOutdated(change);
    this.#fanOut.take(changes);
    if (this.#changedAt !== undefined) this.#meter.count('map_changes_coalesced', {}, changes.length);
    this.#changedAt ??= this.#deps.clock.monotonic();
    this.#schedule();
  }

  /** A deleted machine has no stream; nor has a node key that was replaced. */
  #endOutdated(change: Change): void {
    if (change.kind !== 'removed' && change.kind !== 'node') return;
    const current = this.#deps.network.node(change.id)?.record.nodeKey;
    for (const session of this.#presence.sessionsOf(change.id))
      if (session.request.nodeKey !== current)
        session.close(current === undefined ? 'node-gone' : 'replaced');
    if (change.kind === 'removed') this.#presence.forget(change.id);
  }

  #schedule(): void {
    if (this.#cancelRound !== undefined || this.#isClosed) return;
    const wait = Math.max(0, this.#nextRoundAt - this.#deps.clock.monotonic());
    this.#cancelRound = this.#deps.clock.after(wait, () => {
      this.#cancelRound = undefined;
      this.#round();
    });
  }

  #round(): void {
    const { clock } = this.#deps;
    const startedAt = clock.monotonic();
    this.#fanOut.spread();
    const deps = this.#deltaDeps();
    const cache: FrameCache = new Map();
    const { dirty } = this.#fanOut;
    let sent = 0;
    for (const session of inOrder(dirty)) {
      const encodeFrom = clock.monotonic();
      const frame = deltaFrame(deps, session, cache);
      dirty.delete(session);
      if (frame === undefined) continue;
      this.#time('map_encode_seconds', encodeFrom, { class: 'delta' });
      session.send(frame);
      this.#note('delta', frame);
      sent += 1;
    }
    const endedAt = clock.monotonic();
    if (sent > 0 && this.#changedAt !== undefined)
      this.#time('map_dirty_to_sent_seconds', this.#changedAt, {});
    this.#changedAt = undefined;
    const window = Math.min(
      WINDOW_MAX_MS,
      Math.max(WINDOW_MIN_MS, (endedAt - startedAt) * WINDOW_PER_ROUND_MS),
    );
    this.#nextRoundAt = endedAt + window;
  }

  #onEnded(session: MapSession, why: SessionEnd): void {
    this.#sessions.delete(session);
    this.#fanOut.dirty.delete(session);
    this.#meter.count('map_streams_ended', { reason: why });
    const { nodeId, nodeKey } = session.request;
    const level = why === 'stalled' ? 'warn' : 'debug';
    this.#deps.log(level, 'stream.ended', { node: nodeId, key: shortKey(nodeKey), why });
    this.#presence.leave(session, this.#isClosed);
    if (!this.#isClosed) for (const listener of this.#streamListeners) listener(nodeId);
  }

  #time<K extends TimingName>(name: K, sinceMs: number, labels: TimingLabels<K>): void {
    this.#meter.time(name, (this.#deps.clock.monotonic() - sinceMs) / 1_000, labels);
  }

  #note(kind: 'full' | 'delta' | 'ping', { length }: Uint8Array): void {
    this.#meter.count('map_frames', { class: kind });
    this.#meter.count('map_bytes', { class: kind }, length);
  }

  #deltaDeps(): DeltaDeps {
    return { ...this.#deps, relays: this.#derpMember, nowMs: this.#deps.clock.now() };
  }
}

/**
 * Those that take a message, and first of all those whose filter changes: whoever gains access must find the way open, and
 * whoever loses it must find it shut before he stops seeing the other side (coordination-server.md §10.5).
 */
function inOrder(dirty: ReadonlySet<MapSession>): readonly MapSession[] {
  const ready = [...dirty].filter(({ isReady }) => isReady);
  const isFirst = ({ dirt }: MapSession): boolean => (dirt.bits & Dirt.Filter) !== 0;
  return [...ready.filter(isFirst), ...ready.filter((session) => !isFirst(session))];
}
