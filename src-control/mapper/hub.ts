/** All map streams: tells each what changed, in batches; knows who is online and when an identity runs twice. */
import type { Clock, Random } from '#shared/async/clock.ts';
import { shortKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import type { Policy } from '../policy/policy.ts';
import type { Change } from '../state/changes.ts';
import { applyMapFacts, type MapFacts } from '../state/map-facts.ts';
import type { Network } from '../state/network.ts';
import { ChangeLog, type Folded } from './change-log.ts';
import { type DeltaDeps, deltaFrame, type FrameCache } from './delta.ts';
import { encodeFrame, encodeLarge } from './frames.ts';
import { derpMapMember, type FullDeps, fullMap } from './full.ts';
import { Presence } from './presence.ts';
import { MapSession, type SessionEnd, type StreamRequest } from './session.ts';

export interface HubDeps {
  readonly network: Network;
  readonly policy: Policy;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly baseDomain: string;
  readonly magicDns: boolean;
  readonly derpMap: DerpMap | undefined;
}

/** The next round waits this many times what the last one took, within these bounds: a quiet network hears at once. */
const WINDOW_MIN_MS = 20;
const WINDOW_MAX_MS = 800;
const WINDOW_PER_ROUND_MS = 8;

export class Hub {
  readonly #deps: HubDeps;
  readonly #log = new ChangeLog();
  readonly #sessions = new Set<MapSession>();
  readonly #presence: Presence;
  readonly #unsubscribe: () => void;
  #cancelRound: (() => void) | undefined;
  #nextRoundAt = 0;
  #isClosed = false;
  #derpMap: DerpMap | undefined;
  /** What streams have been sent of the relays, as text: only a difference is worth a message. */
  #derpMember: string;

  constructor(deps: HubDeps) {
    this.#deps = deps;
    this.#derpMap = deps.derpMap;
    this.#derpMember = derpMapMember(deps.derpMap);
    this.#presence = new Presence(deps);
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
    const view = this.#deps.network.node(nodeId);
    if (view === undefined) return new Uint8Array(0);
    return encodeLarge(fullMap(this.#fullDeps(), view, capver, withPeers).json, isCompressed);
  }

  /**
   * Takes over what a machine reports between streams. While an identity runs twice, only the machine with the newest
   * stream counts; what the other says is kept for the day when it is alone.
   */
  async update(nodeId: number, facts: MapFacts): Promise<void> {
    const record = this.#deps.network.node(nodeId)?.record;
    if (record === undefined) return;
    this.#presence.remember(nodeId, facts);
    if (this.#presence.isOwner(nodeId, facts)) await applyMapFacts(this.#deps.network, record, facts);
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
    this.#schedule();
  }

  /** Ends every stream in order; clients come back to the next server. */
  close(): void {
    this.#isClosed = true;
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
    const view = this.#deps.network.node(nodeId);
    if (view === undefined) return session.close('node-gone');
    // What changes from here on comes as a delta, also while the frame is being compressed.
    session.cursor = this.#log.head;
    session.derpMember = this.#derpMember;
    const full = fullMap(this.#fullDeps(), view, capver, true);
    for (const id of full.nodeIds) session.sentNodes.add(id);
    for (const id of full.userIds) session.sentUsers.add(id);
    session.send(await encodeLarge(full.json, isCompressed));
    this.#schedule();
  }

  #onChanges(changes: readonly Change[]): void {
    if (changes.some((change) => change.kind === 'reset')) {
      for (const session of [...this.#sessions]) session.close('reset');
      return;
    }
    for (const change of changes) this.#endOutdated(change);
    this.#log.append(changes);
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
    const deps: DeltaDeps = { ...this.#deps, nowMs: clock.now() };
    const cache: FrameCache = new Map();
    const folds = new Map<number, Folded | undefined>();
    let slowest = this.#log.head;
    const relays = new Map<boolean, Uint8Array>();
    for (const session of [...this.#sessions]) {
      this.#tellRelays(session, relays);
      if (session.isReady && session.cursor < this.#log.head) this.#advance(session, deps, cache, folds);
      if (!session.isEnded) slowest = Math.min(slowest, session.cursor);
    }
    this.#log.trim(slowest);
    const tookMs = clock.monotonic() - startedAt;
    const window = Math.min(WINDOW_MAX_MS, Math.max(WINDOW_MIN_MS, tookMs * WINDOW_PER_ROUND_MS));
    this.#nextRoundAt = clock.monotonic() + window;
  }

  /** A message of its own, the same bytes for all: the relays change seldom, and for everybody at once. */
  #tellRelays(session: MapSession, made: Map<boolean, Uint8Array>): void {
    if (!session.isReady || session.derpMember === this.#derpMember) return;
    const { isCompressed } = session.request;
    const frame = made.get(isCompressed) ?? encodeFrame(`{${this.#derpMember}}`, isCompressed);
    made.set(isCompressed, frame);
    session.derpMember = this.#derpMember;
    session.send(frame);
  }

  #advance(
    session: MapSession,
    deps: DeltaDeps,
    cache: FrameCache,
    folds: Map<number, Folded | undefined>,
  ): void {
    const { cursor } = session;
    if (!folds.has(cursor)) folds.set(cursor, this.#log.fold(cursor));
    const folded = folds.get(cursor);
    if (folded === undefined) {
      session.close('too-far-behind');
      return;
    }
    const frame = deltaFrame(deps, session, folded, cache);
    session.cursor = this.#log.head;
    if (frame !== undefined) session.send(frame);
  }

  #onEnded(session: MapSession, why: SessionEnd): void {
    this.#sessions.delete(session);
    const { nodeId, nodeKey } = session.request;
    const level = why === 'stalled' || why === 'too-far-behind' ? 'warn' : 'debug';
    this.#deps.log(level, 'stream.ended', { node: nodeId, key: shortKey(nodeKey), why });
    this.#presence.leave(session, this.#isClosed);
  }

  #fullDeps(): FullDeps {
    return { ...this.#deps, derpMap: this.#derpMap, nowMs: this.#deps.clock.now() };
  }
}
