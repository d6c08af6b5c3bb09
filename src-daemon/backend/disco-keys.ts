/**
 * Disco keys told and heard within a session (TSMP): the server may be out of reach, and without the present key of the other
 * nobody finds a path.
 */
import type { DiscoKey } from '#shared/key/key.ts';
import type { PacketEngine, PeerId } from '../engine/types.ts';
import type { Magicsock } from '../magicsock/magicsock.ts';
import { encodeDiscoKey } from './inner-packets.ts';
import type { PeerIds } from './peer-ids.ts';
import type { PlanePeers } from './plane-peers.ts';

/** A machine tells its key once per session, and has another only after a restart. */
const ADOPT_MS = 1_000;
const ADOPT_BURST = 4;

export interface DiscoKeysParts {
  readonly engine: Pick<PacketEngine, 'inject' | 'nowMs'>;
  readonly ids: PeerIds;
  readonly peers: Pick<PlanePeers, 'tellable'>;
  readonly magicsock: Pick<Magicsock, 'discoKey' | 'adoptDiscoKey'>;
}

export class DiscoKeys {
  readonly #parts: DiscoKeysParts;
  /** Up to when each peer has used up what it may tell of its own; engine clock. */
  readonly #adoptedMs = new Map<PeerId, number>();

  constructor(parts: DiscoKeysParts) {
    this.#parts = parts;
  }

  /** A session has just begun: the peer is told our key. */
  tell(peer: PeerId): void {
    const { engine, peers, magicsock } = this.#parts;
    const to = peers.tellable(peer);
    if (to === undefined) return;
    const data = encodeDiscoKey(to.own, to.peer, magicsock.discoKey);
    engine.inject([{ kind: 'to-peer', peer, data }]);
  }

  /** The peer told its own. Each new key is work for all peers, and a peer can name any number of them. */
  heard(peer: PeerId, key: DiscoKey): void {
    const { engine, ids, magicsock } = this.#parts;
    ids.told(peer, key);
    const nowMs = engine.nowMs();
    const next = Math.max(nowMs, this.#adoptedMs.get(peer) ?? 0) + ADOPT_MS;
    if (next - nowMs > ADOPT_MS * ADOPT_BURST) return;
    this.#adoptedMs.set(peer, next);
    magicsock.adoptDiscoKey(peer, key);
  }

  /** Of peers that are no more. */
  forget(peers: Iterable<PeerId>): void {
    for (const id of peers) this.#adoptedMs.delete(id);
  }
}
