/** Checks a whole batch of engine operations before any of it is done: all or none (data-plane.md §4.5). */
import { RhumbError } from '#shared/errors.ts';
import { canonicalIp, parsePrefix, type SockAddr } from '#shared/ip/address.ts';
import type { EngineState } from './state.ts';
import type { EngineOp, FilterRuleSpec, Keypair, PeerId, PeerPath, SocketId } from './types.ts';

const MAX_PEER_ID = 2 ** 20;
/** Extra sockets (nat-traversal.md §11.4), and the largest number of one. */
const MAX_SOCKETS = 512;
const MAX_SOCKET_ID = 2 ** 20;
const MAX_U32 = 2 ** 32 - 1;
const KEY_BYTES = 32;

/** Throws the first fault found; the state is not touched. */
export function validate(ops: readonly EngineOp[], state: EngineState): void {
  const plan = new Plan(state);
  for (const op of ops) plan.check(op);
}

/** What of an operation is wrong whatever the state is; throws the first fault found. */
export function checkShape(op: EngineOp): void {
  switch (op.op) {
    case 'set-identity':
      checkKey(op.publicKey, 'identity');
      return;
    case 'peer-add':
      checkPeerId(op.peer);
      checkKey(op.publicKey, `peer ${op.peer}`);
      return;
    case 'routes-set':
      checkPrefixes(op.routes.map(({ prefix }) => prefix));
      return;
    case 'routes-change':
      checkPrefixes(op.remove);
      checkPrefixes(op.add.map(({ prefix }) => prefix));
      return;
    case 'filter-set':
      checkRules(op.rules ?? []);
      return;
    case 'tcp-open':
      op.at.forEach(checkTcpAddress);
      return;
    case 'install-keypair':
      checkKey(op.keypair.sendKey, 'keypair');
      checkKey(op.keypair.receiveKey, 'keypair');
      checkIndex(op.keypair.remoteIndex);
      checkIndex(op.keypair.localIndex);
      return;
    case 'pending-add':
    case 'pending-del':
      checkIndex(op.index);
      return;
    case 'path-set':
      checkPath(op.path);
      return;
    case 'local-ips':
      checkPrefixes([...op.own, ...op.service, ...op.forwarded, ...(op.beside ?? [])]);
      return;
    case 'bind':
      checkPort(op.port, 'udp');
      return;
    case 'socket-open':
      checkSocket(op.socket, op.family);
      return;
    case 'peer-del':
    case 'erase-keys':
    case 'erase-older-keys':
    case 'expire-send':
    case 'drop-staged':
    case 'peer-heard':
    case 'send-keepalive':
    case 'flags-set':
    case 'socket-close':
      return;
    default:
      op satisfies never;
  }
}

/** Faults that depend on what is there already. */
export const noPeer = (peer: PeerId): RhumbError => new RhumbError('not-found', `no peer ${peer}`);
export const peerExists = (peer: PeerId): RhumbError =>
  new RhumbError('conflict', `peer ${peer} is there already`);
export const indexInUse = (index: number): RhumbError =>
  new RhumbError('conflict', `index ${index} is in use`);
export const socketExists = (socket: SocketId): RhumbError =>
  new RhumbError('conflict', `socket ${socket} is there already`);
export const tooManySockets = (socket: SocketId): RhumbError =>
  new RhumbError('conflict', `open socket ${socket}: ${MAX_SOCKETS} are open already; close some first`);

/** The state as it would be after the operations looked at so far, as far as later ones depend on it. */
class Plan {
  readonly #state: EngineState;
  readonly #peers = new Map<PeerId, boolean>();
  readonly #indices = new Map<number, PeerId | undefined>();
  readonly #sockets: Set<SocketId>;

  constructor(state: EngineState) {
    this.#state = state;
    this.#sockets = new Set(state.extraSockets);
  }

  check(op: EngineOp): void {
    checkShape(op);
    switch (op.op) {
      case 'peer-add':
        if (this.#has(op.peer)) throw peerExists(op.peer);
        this.#peers.set(op.peer, true);
        break;
      case 'peer-del':
        this.#need(op.peer);
        this.#peers.set(op.peer, false);
        break;
      case 'routes-set':
        for (const route of op.routes) this.#need(route.peer);
        break;
      case 'routes-change':
        for (const route of op.add) this.#need(route.peer);
        break;
      case 'install-keypair':
        this.#install(op.keypair);
        break;
      case 'pending-add':
        this.#need(op.peer);
        this.#claim(op.index, op.peer);
        break;
      case 'pending-del':
        this.#indices.set(op.index, undefined);
        break;
      case 'erase-keys':
        if (op.peer !== 'all') this.#need(op.peer);
        break;
      case 'path-set':
      case 'erase-older-keys':
      case 'expire-send':
      case 'drop-staged':
      case 'peer-heard':
      case 'send-keepalive':
        this.#need(op.peer);
        break;
      case 'socket-open':
        this.#openSocket(op.socket);
        break;
      case 'socket-close':
        this.#sockets.delete(op.socket);
        break;
      case 'set-identity':
      case 'filter-set':
      case 'tcp-open':
      case 'local-ips':
      case 'bind':
      case 'flags-set':
        break;
      default:
        op satisfies never;
    }
  }

  #openSocket(socket: SocketId): void {
    if (this.#sockets.has(socket)) throw socketExists(socket);
    if (this.#sockets.size >= MAX_SOCKETS) throw tooManySockets(socket);
    this.#sockets.add(socket);
  }

  #has(peer: PeerId): boolean {
    return this.#peers.get(peer) ?? this.#state.peers.has(peer);
  }

  #need(peer: PeerId): void {
    if (!this.#has(peer)) throw noPeer(peer);
  }

  #install(keypair: Keypair): void {
    this.#need(keypair.peer);
    const owner = this.#ownerOf(keypair.localIndex);
    // An initiator's keypair takes the index over from its pending handshake.
    const takesOver = keypair.role === 'initiator' && owner === keypair.peer;
    if (!takesOver) this.#claim(keypair.localIndex, keypair.peer);
  }

  #claim(index: number, peer: PeerId): void {
    if (this.#ownerOf(index) !== undefined) throw indexInUse(index);
    this.#indices.set(index, peer);
  }

  #ownerOf(index: number): PeerId | undefined {
    if (this.#indices.has(index)) return this.#indices.get(index);
    const { indices, now } = this.#state;
    const keypair = indices.keypair(index);
    // A dead keypair holds no index against a living one.
    if (keypair?.isAlive(now) === true) return keypair.peer.id;
    return indices.pendingPeer(index)?.id;
  }
}

function checkPeerId(peer: PeerId): void {
  if (!Number.isInteger(peer) || peer < 1 || peer > MAX_PEER_ID)
    throw new RhumbError('bad-argument', `not a peer id: ${peer}`);
}

function checkSocket(socket: SocketId, family: number): void {
  if (!Number.isInteger(socket) || socket < 1 || socket > MAX_SOCKET_ID)
    throw new RhumbError('bad-argument', `not a number for an extra socket: ${socket}`);
  if (family !== 4 && family !== 6) throw new RhumbError('bad-argument', `not an IP version: ${family}`);
}

function checkTcpAddress({ ip, port }: SockAddr): void {
  if (canonicalIp(ip) === undefined) throw new RhumbError('bad-argument', `not an IP address: ${ip}`);
  checkPort(port, 'tcp');
}

function checkPrefixes(texts: readonly string[]): void {
  for (const text of texts) checkPrefix(text);
}

function checkKey(key: Uint8Array, what: string): void {
  if (key.length !== KEY_BYTES)
    throw new RhumbError('bad-argument', `${what}: a key has ${KEY_BYTES} bytes, not ${key.length}`);
}

function checkIndex(index: number): void {
  if (!Number.isInteger(index) || index < 0 || index > MAX_U32)
    throw new RhumbError('bad-argument', `not an index: ${index}`);
}

function checkPort(port: number, what: 'tcp' | 'udp'): void {
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new RhumbError('bad-argument', `not a ${what} port: ${port}`);
}

function checkPrefix(text: string): void {
  if (parsePrefix(text) === undefined) throw new RhumbError('bad-argument', `not a prefix: ${text}`);
}

/** Rules share their sources, lists of thousands of addresses: each list is looked at once. */
function checkRules(rules: readonly FilterRuleSpec[]): void {
  for (const list of new Set(rules.map(({ sources }) => sources))) checkPrefixes(list);
  rules.forEach(checkRule);
}

function checkRule({ protocols, destinations }: FilterRuleSpec): void {
  for (const number of protocols)
    if (!Number.isInteger(number) || number < 0 || number > 255)
      throw new RhumbError('bad-argument', `not an IP protocol: ${number}`);
  for (const { prefix, first, last } of destinations) {
    checkPrefix(prefix);
    if (!(first >= 0 && first <= last && last <= 65_535))
      throw new RhumbError('bad-argument', `not a range of ports: ${first}-${last}`);
  }
}

function checkPath(path: PeerPath): void {
  const wantsDirect = path.mode === 'direct' || path.mode === 'direct+relay';
  const wantsRelay = path.mode === 'relay' || path.mode === 'direct+relay';
  if (wantsDirect && path.direct === undefined)
    throw new RhumbError('bad-argument', `a path of mode ${path.mode} needs an address`);
  if (path.via !== undefined && (!Number.isInteger(path.via) || path.via < 0))
    throw new RhumbError('bad-argument', `not a number of a socket: ${path.via}`);
  if (wantsRelay && path.relayRegion === undefined)
    throw new RhumbError('bad-argument', `a path of mode ${path.mode} needs a relay`);
}
