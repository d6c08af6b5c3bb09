/** Who is online: the streams of each node, a grace period between them, and one identity on two machines. */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { applyMapFacts, type MapFacts } from '../state/map-facts.ts';
import type { Network } from '../state/network.ts';
import type { MapSession } from './session.ts';

export interface PresenceDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
}

/** A machine that changes networks has this long to come back before its peers hear of it. */
export const GRACE_MS = 10_000;
/** After a restart machines come back within seconds; until then nobody is told that they are gone (coordination-server.md §21.6). */
export const HOLD_MS = 15_000;
/** Who was here when the server ended was seen then; a restart takes no longer. */
const SEEN_LATELY_MS = 60_000;
/** Daemons of earlier streams that are remembered per node. */
const KEPT_INSTANCES = 8;
/** Streams of one identity that is in use several times. */
const MAX_CLONES = 4;

interface Attendance {
  /** Oldest first; the last one owns the node. */
  sessions: MapSession[];
  /** Which daemons had a stream, the newest last. */
  instances: string[];
  cancelGrace: (() => void) | undefined;
}

export class Presence {
  readonly #deps: PresenceDeps;
  readonly #nodes = new Map<number, Attendance>();
  #cancelHold: (() => void) | undefined;

  constructor(deps: PresenceDeps) {
    this.#deps = deps;
  }

  sessionsOf(nodeId: number): readonly MapSession[] {
    return this.#nodes.get(nodeId)?.sessions ?? [];
  }

  /** At the start: who was online a moment ago still is, for as long as it takes to come back. */
  hold(): void {
    const { network, clock } = this.#deps;
    const now = clock.now();
    const held = [...network.nodes()]
      .map(({ record }) => record)
      .filter(({ lastSeen = 0 }) => lastSeen > now - SEEN_LATELY_MS && lastSeen <= now)
      .map(({ id }) => id);
    for (const id of held) network.setLive(id, { isOnline: true });
    this.#cancelHold = clock.after(HOLD_MS, () => {
      // Whoever came meanwhile has had its stream, and its own time of grace.
      for (const id of held) if (!this.#nodes.has(id)) network.setLive(id, { isOnline: false });
    });
  }

  arrive(session: MapSession, observedIp: string | undefined): void {
    const { nodeId } = session.request;
    const instance = instanceOf(session.request);
    const node = this.#attendance(nodeId);
    node.cancelGrace?.();
    node.cancelGrace = undefined;
    const isClone =
      isOld(node, instance) && node.sessions.some((one) => instanceOf(one.request) !== instance);
    if (instance !== undefined)
      node.instances = [...node.instances.filter((one) => one !== instance), instance].slice(-KEPT_INSTANCES);
    if (isClone) this.#warnOfClone(nodeId);
    const isCloned = this.#deps.network.node(nodeId)?.isCloned ?? false;
    const older = node.sessions;
    node.sessions = [...older, session];
    for (const [index, one] of older.entries())
      if (!isCloned || instanceOf(one.request) === instance || index < older.length - MAX_CLONES + 1)
        one.close('replaced');
    this.#saveLastSeen(nodeId);
    this.#deps.network.setLive(nodeId, { isOnline: true, observedIp });
  }

  leave(session: MapSession, isShutdown: boolean): void {
    const { nodeId } = session.request;
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return;
    const wasOwner = node.sessions.at(-1) === session;
    node.sessions = node.sessions.filter((one) => one !== session);
    const owner = node.sessions.at(-1);
    if (owner === undefined) {
      if (isShutdown) this.#saveLastSeen(nodeId);
      else node.cancelGrace ??= this.#deps.clock.after(GRACE_MS, () => this.#goOffline(nodeId));
      return;
    }
    if (node.sessions.every((one) => instanceOf(one.request) === instanceOf(owner.request)))
      this.#deps.network.setLive(nodeId, { isCloned: false });
    if (wasOwner && !isShutdown) this.#promote(nodeId, owner);
  }

  /** Whether what a machine reports counts as the node's. */
  isOwner(nodeId: number, facts: MapFacts): boolean {
    const owner = this.#nodes.get(nodeId)?.sessions.at(-1);
    const isCloned = this.#deps.network.node(nodeId)?.isCloned ?? false;
    return !isCloned || owner === undefined || instanceOf(owner.request) === instanceOf(facts);
  }

  remember(nodeId: number, facts: MapFacts): void {
    for (const one of this.sessionsOf(nodeId))
      if (instanceOf(one.request) === instanceOf(facts)) one.latest = { ...one.latest, ...facts };
  }

  forget(nodeId: number): void {
    this.#nodes.get(nodeId)?.cancelGrace?.();
    this.#nodes.delete(nodeId);
  }

  close(): void {
    this.#cancelHold?.();
    for (const node of this.#nodes.values()) node.cancelGrace?.();
    this.#nodes.clear();
  }

  #attendance(nodeId: number): Attendance {
    const known = this.#nodes.get(nodeId);
    if (known !== undefined) return known;
    const fresh: Attendance = { sessions: [], instances: [], cancelGrace: undefined };
    this.#nodes.set(nodeId, fresh);
    return fresh;
  }

  /**
   * A daemon is a new instance at each start and never an old one again. So when an earlier one comes back while
   * another has a stream, two daemons run with the same state file, and ending one's stream would only make it end the
   * other's: from here on both keep theirs, and both are told.
   */
  #warnOfClone(nodeId: number): void {
    const view = this.#deps.network.node(nodeId);
    if (view === undefined || view.isCloned) return;
    this.#deps.log('warn', 'node.cloned', {
      node: nodeId,
      name: view.record.givenName,
      advice: 'two machines use the same state file: log out on one of them',
    });
    this.#deps.network.setLive(nodeId, { isCloned: true });
  }

  #promote(nodeId: number, owner: MapSession): void {
    const record = this.#deps.network.node(nodeId)?.record;
    if (record === undefined || owner.latest === undefined) return;
    applyMapFacts(this.#deps.network, record, owner.latest).catch((error: unknown) =>
      this.#deps.log('error', 'node.not-written', { node: nodeId, error }),
    );
  }

  #goOffline(nodeId: number): void {
    const node = this.#nodes.get(nodeId);
    if (node === undefined) return;
    node.cancelGrace = undefined;
    this.#saveLastSeen(nodeId);
    this.#deps.network.setLive(nodeId, { isOnline: false, observedIp: undefined, isCloned: false });
  }

  #saveLastSeen(nodeId: number): void {
    const { network, clock, log } = this.#deps;
    const record = network.node(nodeId)?.record;
    if (record === undefined) return;
    const value = { ...record, lastSeen: clock.now() };
    network
      .save({ writes: [{ put: 'node', value }], pace: 'lazy' })
      .catch((error: unknown) => log('error', 'node.not-written', { node: nodeId, error }));
  }
}

const instanceOf = ({ instance, discoKey }: Pick<MapFacts, 'instance' | 'discoKey'>): string | undefined =>
  instance ?? discoKey;

const isOld = (node: Attendance, instance: string | undefined): boolean =>
  instance !== undefined && node.instances.includes(instance) && node.instances.at(-1) !== instance;
