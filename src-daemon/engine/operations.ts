/** What each operation does in the portable engine, once `op-checks.ts` has found nothing wrong with its batch (data-plane.md §4.5). */
import type { AllSockets } from './all-sockets.ts';
import type { HandshakeGuard } from './guard.ts';
import type { Inbound } from './inbound.ts';
import { TransportKeypair } from './keypair.ts';
import type { Outbound } from './outbound.ts';
import { PeerState } from './peer.ts';
import type { EngineState } from './state.ts';
import type { EngineOp, Keypair, PeerId, PeerPath, SocketId } from './types.ts';

export interface OperationsParts {
  readonly state: EngineState;
  readonly outbound: Outbound;
  readonly inbound: Inbound;
  readonly guard: HandshakeGuard;
  /** Undefined while the engine is stopped. */
  readonly sockets: () => AllSockets | undefined;
}

type Of<K extends EngineOp['op']> = Extract<EngineOp, { readonly op: K }>;

/** Operations on one peer. */
type PeerOp =
  | Of<'peer-del' | 'pending-add' | 'erase-older-keys' | 'expire-send' | 'drop-staged' | 'path-set'>
  | Of<'peer-heard' | 'send-keepalive'>
  | (Of<'erase-keys'> & { readonly peer: PeerId });

export class Operations {
  readonly #parts: OperationsParts;
  readonly #state: EngineState;

  constructor(parts: OperationsParts) {
    this.#parts = parts;
    this.#state = parts.state;
  }

  do(op: EngineOp): void {
    const state = this.#state;
    switch (op.op) {
      case 'set-identity':
        this.#parts.guard.setIdentity(op.publicKey);
        return;
      case 'peer-add':
        this.#addPeer(op);
        return;
      case 'filter-set':
        state.filter.set(op.rules);
        return;
      case 'tcp-open':
        state.filter.open(op.at);
        return;
      case 'routes-set':
        state.setRoutes(op.routes);
        return;
      case 'routes-change':
        state.changeRoutes(op.remove, op.add);
        return;
      case 'install-keypair':
        this.#install(op.keypair);
        return;
      case 'pending-del':
        state.indices.dropPending(op.index);
        return;
      case 'local-ips':
        state.setLocals(op);
        return;
      case 'bind':
        this.#parts.sockets()?.follow(op);
        return;
      case 'flags-set':
        // Packets come and go one by one here.
        return;
      case 'socket-open':
        this.#openSocket(op);
        return;
      case 'socket-close':
        this.#parts.sockets()?.follow(op);
        this.socketGone(op.socket);
        return;
      case 'erase-keys':
        if (op.peer === 'all') this.eraseAll();
        else this.#withPeer({ ...op, peer: op.peer });
        return;
      default:
        this.#withPeer(op);
    }
  }

  /** All keys, and what waits for any. */
  eraseAll(): void {
    for (const peer of this.#state.peers.values()) this.#erase(peer);
  }

  /** No path leads through an extra socket that is gone. */
  socketGone(via: SocketId): void {
    this.#state.extraSockets.delete(via);
    for (const peer of this.#state.peers.values()) if (peer.path.via === via) this.#leaveDirect(peer);
  }

  #addPeer({ peer, publicKey, wireguardOnly, jailed }: Of<'peer-add'>): void {
    const flags = { wireguardOnly: wireguardOnly === true, jailed: jailed === true };
    this.#state.peers.set(peer, new PeerState({ id: peer, publicKey, ...flags }));
  }

  /** The checks have seen that the peer exists. */
  #withPeer(op: PeerOp): void {
    const { outbound, inbound } = this.#parts;
    const peer = this.#state.peers.get(op.peer);
    if (peer === undefined) return;
    switch (op.op) {
      case 'peer-del':
        this.#erase(peer);
        this.#state.peers.delete(op.peer);
        return;
      case 'pending-add':
        this.#state.indices.addPending(op.index, peer);
        return;
      case 'erase-keys':
        this.#erase(peer);
        return;
      case 'erase-older-keys':
        this.#state.freeKeypairs(peer.slots.clearOlder(op.createdBeforeMs));
        return;
      case 'expire-send':
        peer.slots.expireSend();
        peer.neededAt = undefined;
        return;
      case 'drop-staged':
        this.#dropStaged(peer);
        return;
      case 'path-set':
        this.#setPath(peer, op);
        return;
      case 'peer-heard':
        inbound.noteSource(peer, op.from, op.via ?? 0);
        return;
      case 'send-keepalive':
        outbound.keepalive(peer);
        return;
      default:
        op satisfies never;
    }
  }

  #install(keypair: Keypair): void {
    const state = this.#state;
    const peer = state.peers.get(keypair.peer);
    if (peer === undefined) return;
    const installed = new TransportKeypair(peer, keypair);
    const stale = state.indices.keypair(keypair.localIndex);
    if (stale !== undefined) state.indices.free(stale);
    state.indices.addKeypair(installed);
    // The message that completed it was authentic: whatever was unanswered is answered.
    state.touchReceived(peer);
    peer.neededAt = undefined;
    if (keypair.role === 'initiator') {
      peer.lastHandshakeMs = state.now;
      state.freeKeypairs(peer.slots.installAsInitiator(installed));
      this.#parts.outbound.flush(peer, true);
    } else {
      state.freeKeypairs(peer.slots.installAsResponder(installed));
    }
  }

  #erase(peer: PeerState): void {
    this.#state.freeKeypairs(peer.slots.clear());
    peer.neededAt = undefined;
    this.#state.indices.dropPeer(peer);
    this.#dropStaged(peer);
  }

  #dropStaged(peer: PeerState): void {
    this.#state.counters['drop.staged'] += this.#state.staging.clear(peer.staged);
    peer.heldDatagram = undefined;
  }

  #setPath(peer: PeerState, op: Of<'path-set'>): void {
    const { via = 0 } = op.path;
    peer.path = op.path;
    if (via === 0 || this.#state.extraSockets.has(via)) this.#parts.sockets()?.follow(op);
    else this.#leaveDirect(peer);
    this.#parts.outbound.pathChanged(peer);
  }

  #openSocket(op: Of<'socket-open'>): void {
    const sockets = this.#parts.sockets();
    if (sockets === undefined) {
      this.#state.records.push({
        type: 'path-error',
        peer: undefined,
        via: op.socket,
        code: 'not-running',
      });
      return;
    }
    this.#state.extraSockets.add(op.socket);
    sockets.follow(op);
  }

  #leaveDirect(peer: PeerState): void {
    const { mode, relayRegion } = peer.path;
    peer.path = withoutDirect(peer.path);
    if ((mode === 'direct' || mode === 'direct+relay') && relayRegion === undefined)
      this.#state.needPath(peer);
  }
}

const withoutDirect = ({ mode, relayRegion }: PeerPath): PeerPath =>
  mode === 'none' || relayRegion === undefined ? { mode: 'none' } : { mode: 'relay', relayRegion };
