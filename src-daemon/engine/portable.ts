/** The portable engine: the whole PacketEngine in TypeScript, on dgram sockets and a TUN device (data-plane.md §6). */

import type { Clock, Random } from '#shared/async/clock.ts';
import { copyOf } from '#shared/bytes/bytes.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import { openMemoryTun } from '../tun/memory.ts';
import type { Tun } from '../tun/tun.ts';
import { toStats } from './counters.ts';
import { Edges } from './edges.ts';
import { ExtraSockets } from './extra-sockets.ts';
import { HandshakeGuard } from './guard.ts';
import { Inbound } from './inbound.ts';
import { TransportKeypair } from './keypair.ts';
import { validate } from './op-checks.ts';
import { Outbound } from './outbound.ts';
import { PeerState } from './peer.ts';
import { type EnginePlatform, platformOf } from './platform.ts';
import { UdpSockets } from './sockets.ts';
import { EngineState } from './state.ts';
import type {
  EngineCaps,
  EngineConfig,
  EngineOp,
  EngineRecord,
  EngineStats,
  FilterRuleCount,
  InjectPacket,
  Keypair,
  PacketEngine,
  PeerActivity,
  PeerId,
  PeerPath,
  SocketId,
  Tap,
} from './types.ts';

export interface PortableOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly platform?: EnginePlatform | undefined;
}

/** The largest inner packet of IPv4 in IPv6: 65535 - 40 - 8 - 32, down to a multiple of 16. */
const MAX_MTU = 65_440;

export const createPortableEngine = (options: PortableOptions): PacketEngine => new PortableEngine(options);

class PortableEngine implements PacketEngine {
  readonly kind = 'portable' as const;
  readonly caps: EngineCaps = { maxMtu: MAX_MTU, aead: 'node:crypto and stablelib' };
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #platform: EnginePlatform;
  readonly #state: EngineState;
  readonly #outbound: Outbound;
  #inbound: Inbound;
  #guard: HandshakeGuard;
  #identity: Uint8Array | undefined;
  #sockets: UdpSockets | undefined;
  #extras: ExtraSockets | undefined;
  #mark: number | undefined;
  #dontFragment = false;
  #tun: Tun | undefined;
  #phase: 'new' | 'starting' | 'running' | 'stopped' | 'destroyed' = 'new';
  /** The last start, which whoever stops the engine waits for. */
  #starting: Promise<void> | undefined;
  #cancelHold: (() => void) | undefined;
  readonly #errors = new Edges();

  constructor(options: PortableOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#platform = options.platform ?? platformOf(process.platform, options.log);
    this.#state = new EngineState(options.clock);
    this.#outbound = new Outbound(
      this.#state,
      (to, datagram, via) => this.#send(to, datagram, via),
      (ms) => this.#hold(ms),
    );
    this.#guard = new HandshakeGuard();
    this.#inbound = this.#newInbound();
  }

  get port(): number {
    return this.#sockets?.port ?? 0;
  }

  get tunName(): string | undefined {
    return this.#tun?.name;
  }

  nowMs(): number {
    return this.#state.refresh();
  }

  async start(config: EngineConfig): Promise<void> {
    if (this.#phase !== 'new' && this.#phase !== 'stopped')
      throw new RhumbError('conflict', `start engine: it is ${this.#phase}`);
    if (!Number.isInteger(config.mtu) || config.mtu < 576 || config.mtu > MAX_MTU)
      throw new RhumbError('bad-argument', `start engine: mtu ${config.mtu} is not in 576..${MAX_MTU}`);
    this.#phase = 'starting';
    const started = this.#openAll(config);
    this.#starting = started.catch(() => undefined); // whoever stops it need not know
    await started;
  }

  async #openAll(config: EngineConfig): Promise<void> {
    this.#state.mtu = config.mtu;
    this.#guard = new HandshakeGuard(config.underLoadHandshakes);
    if (this.#identity !== undefined) this.#guard.setIdentity(this.#identity);
    this.#inbound = this.#newInbound();
    this.#mark = config.mark;
    this.#dontFragment = config.dontFragment === true;
    try {
      this.#tun = this.#openTun(config);
      this.#sockets = this.#newSockets(config);
      this.#extras = this.#newExtras(config);
      await this.#sockets.bind({ port: config.port, mark: config.mark, dontFragment: this.#dontFragment });
    } catch (error) {
      await this.#closeAll();
      this.#phase = 'stopped';
      throw error;
    }
    this.#phase = 'running';
    this.#startTun();
  }

  apply(ops: readonly EngineOp[]): void {
    this.#state.refresh();
    validate(ops, this.#state);
    for (const op of ops) this.#do(op);
  }

  inject(packets: readonly InjectPacket[]): number {
    this.#state.refresh();
    let accepted = 0;
    for (const packet of packets) if (this.#inject(packet)) accepted++;
    return accepted;
  }

  onRecords(handle: (batch: Iterable<EngineRecord>) => void): void {
    this.#state.records.onRecords(handle);
  }

  peers(ids?: readonly PeerId[]): PeerActivity[] {
    this.#state.refresh();
    const found: PeerActivity[] = [];
    if (ids === undefined) {
      for (const peer of this.#state.peers.values()) if (peer.hadTraffic) found.push(peer.activity());
      return found;
    }
    for (const id of ids) {
      const peer = this.#state.peers.get(id);
      if (peer !== undefined) found.push(peer.activity());
    }
    return found;
  }

  stats(): EngineStats {
    return toStats(this.#state.counters);
  }

  filterRules(): readonly FilterRuleCount[] {
    return this.#state.filter.counts();
  }

  setTap(tap: Tap | undefined): void {
    this.#state.tap = tap;
  }

  async stop(): Promise<void> {
    await this.#starting;
    if (this.#phase === 'destroyed') return;
    this.#phase = 'stopped';
    await this.#closeAll();
  }

  async destroy(): Promise<void> {
    await this.#starting;
    if (this.#phase === 'destroyed') return;
    this.#phase = 'destroyed';
    for (const peer of this.#state.peers.values()) this.#erase(peer);
    this.#state.records.clear();
    await this.#closeAll();
  }

  #openTun(config: EngineConfig): Tun | undefined {
    switch (config.tun.kind) {
      case 'device':
        return this.#platform.openTun({ name: config.tun.name, mtu: config.mtu });
      case 'memory':
        return openMemoryTun(config.tun.tun);
      case 'none':
        return undefined;
      default:
        return config.tun satisfies never;
    }
  }

  #startTun(): void {
    this.#tun?.start({
      batch: () => this.#state.refresh(),
      packet: (buffer, length) => this.#outbound.fromHost(buffer, length),
      gone: (error) => {
        this.#log('error', 'tun.gone', { why: error.message });
        this.#state.records.push({ type: 'device', what: 'tun-gone', detail: error.message });
      },
    });
  }

  #newSockets(config: EngineConfig): UdpSockets {
    return new UdpSockets(
      config.sockets ?? this.#platform.sockets,
      {
        receive: (from, datagram) => {
          this.#state.refresh();
          this.#inbound.fromWire(from, datagram, 0);
        },
        sendFailed: (to, code) => this.#sendFailed(to, code, 0),
        dead: (error) => this.#socketDead(error),
      },
      this.#log,
    );
  }

  #newExtras(config: EngineConfig): ExtraSockets {
    return new ExtraSockets(
      config.sockets ?? this.#platform.sockets,
      {
        receive: (from, datagram, via) => {
          this.#state.refresh();
          this.#inbound.fromWire(from, datagram, via);
        },
        sendFailed: (to, code, via) => this.#sendFailed(to, code, via),
        gone: (via, code) => {
          this.#state.refresh();
          this.#log('info', 'socket.extra-gone', { via, code });
          this.#state.extraSockets.delete(via);
          this.#state.records.push({ type: 'path-error', peer: undefined, via, code });
          this.#leaveSocket(via);
        },
      },
      this.#clock,
    );
  }

  #newInbound(): Inbound {
    return new Inbound({
      state: this.#state,
      outbound: this.#outbound,
      guard: this.#guard,
      send: (to, datagram, via) => this.#send(to, datagram, via),
      deliver: (packet, length) => this.#tun !== undefined && this.#tun.write(packet, length) === undefined,
    });
  }

  #send(to: SockAddr, datagram: Uint8Array, via: SocketId | undefined): void {
    const isSent =
      via === undefined || via === 0
        ? this.#sockets?.send(to, datagram)
        : this.#extras?.send(via, to, datagram);
    if (isSent !== true) this.#state.counters['drop.no-socket']++;
  }

  #sendFailed(to: SockAddr, code: string, via: SocketId): void {
    this.#state.counters['drop.send-failed']++;
    const now = this.#state.refresh();
    if (!this.#errors.isNew(`${code} ${to.ip}`, now)) return;
    let peer: PeerId | undefined;
    for (const one of this.#state.peers.values())
      if (one.path.direct?.ip === to.ip && one.path.direct.port === to.port && (one.path.via ?? 0) === via)
        peer = one.id;
    this.#state.records.push({ type: 'path-error', peer, via: via === 0 ? undefined : via, code });
  }

  #socketDead(error: Error): void {
    this.#log('warn', 'socket.dead', { why: error.message });
    this.#state.records.push({ type: 'device', what: 'socket-dead', detail: error.message });
  }

  /** One timer for all that waits for a path; it runs again while something waits. */
  #hold(ms: number): void {
    if (this.#cancelHold !== undefined) return;
    this.#cancelHold = this.#clock.after(ms, () => {
      this.#cancelHold = undefined;
      this.#state.refresh();
      this.#outbound.expireHeld();
      if (this.#state.staging.bytes > 0) this.#hold(ms);
    });
  }

  #do(op: EngineOp): void {
    const state = this.#state;
    switch (op.op) {
      case 'set-identity':
        this.#identity = copyOf(op.publicKey);
        this.#guard.setIdentity(op.publicKey);
        return;
      case 'peer-add':
        state.peers.set(
          op.peer,
          new PeerState({
            id: op.peer,
            publicKey: op.publicKey,
            wireguardOnly: op.wireguardOnly === true,
            jailed: op.jailed === true,
          }),
        );
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
        this.#mark = op.mark ?? this.#mark;
        this.#dontFragment = op.dontFragment ?? this.#dontFragment;
        this.#rebind(op.port);
        return;
      case 'flags-set':
        // Packets come and go one by one here.
        return;
      case 'socket-open':
        this.#openSocket(op.socket, op.family);
        return;
      case 'socket-close':
        state.extraSockets.delete(op.socket);
        this.#extras?.closeOne(op.socket);
        this.#leaveSocket(op.socket);
        return;
      case 'erase-keys':
        if (op.peer === 'all') for (const peer of state.peers.values()) this.#erase(peer);
        else this.#withPeer(op.peer, op);
        return;
      default:
        this.#withPeer(op.peer, op);
    }
  }

  /** Operations on one peer, which `validate` has seen to exist. */
  #withPeer(
    id: PeerId,
    op: Extract<
      EngineOp,
      {
        readonly op:
          | 'peer-del'
          | 'pending-add'
          | 'erase-keys'
          | 'erase-older-keys'
          | 'expire-send'
          | 'drop-staged'
          | 'path-set'
          | 'peer-heard'
          | 'send-keepalive';
      }
    >,
  ): void {
    const peer = this.#state.peers.get(id);
    if (peer === undefined) return;
    switch (op.op) {
      case 'peer-del':
        this.#erase(peer);
        this.#state.peers.delete(id);
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
        peer.neededReason = undefined;
        return;
      case 'drop-staged':
        this.#dropStaged(peer);
        return;
      case 'path-set':
        peer.path = op.path;
        this.#checkVia(peer);
        this.#outbound.pathChanged(peer);
        return;
      case 'peer-heard':
        this.#inbound.noteSource(peer, op.from, op.via ?? 0);
        return;
      case 'send-keepalive':
        this.#outbound.keepalive(peer);
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
    peer.neededReason = undefined;
    if (keypair.role === 'initiator') {
      peer.lastHandshakeMs = state.now;
      state.freeKeypairs(peer.slots.installAsInitiator(installed));
      this.#outbound.flush(peer, true);
    } else {
      state.freeKeypairs(peer.slots.installAsResponder(installed));
    }
  }

  #erase(peer: PeerState): void {
    this.#state.freeKeypairs(peer.slots.clear());
    peer.neededReason = undefined;
    this.#state.indices.dropPeer(peer);
    this.#dropStaged(peer);
  }

  #dropStaged(peer: PeerState): void {
    this.#state.counters['drop.staged'] += this.#state.staging.clear(peer.staged);
    peer.heldDatagram = undefined;
  }

  #checkVia(peer: PeerState): void {
    const { via } = peer.path;
    if (via === undefined || via === 0) return;
    if (this.#state.extraSockets.has(via)) this.#extras?.grow(via);
    else this.#leaveDirect(peer);
  }

  #openSocket(id: SocketId, family: 4 | 6): void {
    if (this.#extras === undefined) {
      this.#state.records.push({ type: 'path-error', peer: undefined, via: id, code: 'not-running' });
      return;
    }
    this.#state.extraSockets.add(id);
    this.#extras.open(id, { family, mark: this.#mark, dontFragment: this.#dontFragment });
  }

  /** No path leads through a socket that is gone. */
  #leaveSocket(via: SocketId): void {
    for (const peer of this.#state.peers.values()) if (peer.path.via === via) this.#leaveDirect(peer);
  }

  #leaveDirect(peer: PeerState): void {
    const { mode, relayRegion } = peer.path;
    peer.path = withoutDirect(peer.path);
    if ((mode === 'direct' || mode === 'direct+relay') && relayRegion === undefined)
      this.#state.needPath(peer);
  }

  #rebind(port: number): void {
    this.#sockets
      ?.bind({ port, mark: this.#mark, dontFragment: this.#dontFragment })
      .catch((error: unknown) => {
        if (this.#phase === 'running') this.#socketDead(toRhumbError(error));
      });
  }

  #inject(packet: InjectPacket): boolean {
    const state = this.#state;
    if (this.#phase !== 'running') {
      state.counters['drop.not-ready']++;
      return false;
    }
    switch (packet.kind) {
      case 'udp':
        this.#send(packet.to, packet.data, packet.via);
        return true;
      case 'to-host':
        return this.#toHost(packet.data);
      case 'from-host':
        return this.#outbound.inject(packet.data);
      case 'peer-datagram':
      case 'relay-in':
      case 'to-peer': {
        const peer = state.peers.get(packet.peer);
        if (peer === undefined) return false;
        if (packet.kind === 'to-peer') return this.#outbound.injectTo(peer, packet.data);
        if (packet.kind === 'relay-in')
          return this.#inbound.fromRelay({ peer, region: packet.region }, packet.data);
        this.#outbound.handshake(
          peer,
          packet.data,
          packet.answering && { to: packet.answering, via: packet.answeringVia },
        );
        return true;
      }
      default:
        return packet satisfies never;
    }
  }

  #toHost(packet: Uint8Array): boolean {
    this.#state.tap?.('to-host', packet);
    if (this.#tun !== undefined && this.#tun.write(packet, packet.length) === undefined) return true;
    this.#state.counters['drop.tun-write']++;
    return false;
  }

  async #closeAll(): Promise<void> {
    this.#cancelHold?.();
    this.#cancelHold = undefined;
    const tun = this.#tun;
    const sockets = this.#sockets;
    const extras = this.#extras;
    this.#tun = undefined;
    this.#sockets = undefined;
    this.#extras = undefined;
    this.#state.extraSockets.clear();
    tun?.close();
    await Promise.all([sockets?.close(), extras?.close()]);
  }
}

const withoutDirect = ({ mode, relayRegion }: PeerPath): PeerPath =>
  mode === 'none' || relayRegion === undefined ? { mode: 'none' } : { mode: 'relay', relayRegion };
