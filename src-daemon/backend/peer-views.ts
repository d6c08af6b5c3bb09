/** What is known of each peer now, in the words of the backend: session, path, traffic. Nothing of it changes anything. */
import type { Clock } from '#shared/async/clock.ts';
import type { NodeKey } from '#shared/key/key.ts';
import type { TriedEndpoint } from '#shared/localapi/rhumb.ts';
import type { Tunnel } from '../engine/tunnel.ts';
import type { PacketEngine, PeerActivity, PeerId } from '../engine/types.ts';
import type { Magicsock } from '../magicsock/magicsock.ts';
import type { PeerTraffic } from '../metrics/traffic.ts';
import type { PathChange, PathHistory } from './path-history.ts';
import type { PeerIds } from './peer-ids.ts';
import type { PlanePeerStatus } from './plane.ts';
import { pathLabel, planePath, triedEndpoint } from './plane-path.ts';

/** Traffic in this time makes a peer count as active (localapi-and-daemon.md §2.3). */
const ACTIVE_MS = 120_000;

export interface PeerViewsParts {
  readonly engine: Pick<PacketEngine, 'peers' | 'nowMs'>;
  readonly clock: Clock;
  readonly ids: PeerIds;
  readonly magicsock: Pick<Magicsock, 'pathOf' | 'candidatesOf'>;
  readonly history: PathHistory;
  /** Undefined for a peer that the tunnel does not know. */
  readonly session: (peer: PeerId) => ReturnType<Tunnel['peerStatus']>;
}

export class PeerViews {
  readonly #parts: PeerViewsParts;

  constructor(parts: PeerViewsParts) {
    this.#parts = parts;
  }

  /** The number by which a peer is counted; undefined when it is none of ours. */
  idOf(key: NodeKey): PeerId | undefined {
    return this.#parts.ids.find(key);
  }

  status(key: NodeKey): PlanePeerStatus | undefined {
    const { engine, ids, magicsock, session } = this.#parts;
    const id = ids.find(key);
    if (id === undefined) return undefined;
    const [activity] = engine.peers([id]);
    const path = magicsock.pathOf(id);
    const { lastHandshakeAt = 0, state = 'none' } = session(id) ?? {};
    return {
      lastHandshakeMs: lastHandshakeAt,
      lastWriteMs: this.#wall(activity?.lastTxAny ?? 0),
      rxBytes: activity?.rxBytes ?? 0,
      txBytes: activity?.txBytes ?? 0,
      path: planePath(path, this.#wall(path.sinceMs)),
      wireguard: state,
      active: activity !== undefined && this.#isActive(activity),
    };
  }

  /** By what ways a peer was reached lately, oldest first. */
  pathChanges(key: NodeKey): readonly PathChange[] {
    const id = this.#parts.ids.find(key);
    return id === undefined ? [] : this.#parts.history.of(id);
  }

  /** Where a peer may be reached, and what became of our probes there. */
  tried(key: NodeKey): readonly TriedEndpoint[] {
    const id = this.#parts.ids.find(key);
    if (id === undefined) return [];
    return this.#parts.magicsock.candidatesOf(id).map((one) => triedEndpoint(one, (ms) => this.#wall(ms)));
  }

  /** Of every peer that ever had traffic, with the kind of its path. */
  traffic(): PeerTraffic[] {
    const { engine, magicsock } = this.#parts;
    return engine.peers().map((activity) => {
      const path = magicsock.pathOf(activity.peer);
      return { ...activity, id: activity.peer, path: pathLabel(path) };
    });
  }

  /** When anything was sent to any peer, on the clock's monotonic scale. */
  lastTrafficMs(): number {
    const { engine, clock } = this.#parts;
    let last = 0;
    for (const { lastTxAny } of engine.peers()) last = Math.max(last, lastTxAny);
    return last === 0 ? Number.NEGATIVE_INFINITY : clock.monotonic() - (engine.nowMs() - last);
  }

  #isActive(activity: PeerActivity): boolean {
    const last = Math.max(activity.lastTxAny, activity.lastRxAny);
    return last > 0 && this.#parts.engine.nowMs() - last < ACTIVE_MS;
  }

  /** From the engine's clock to the wall clock; 0 stays "never". */
  #wall(engineMs: number): number {
    const { engine, clock } = this.#parts;
    return engineMs === 0 ? 0 : Math.round(clock.now() - (engine.nowMs() - engineMs));
  }
}
