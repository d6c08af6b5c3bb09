/** The portable engine: the whole PacketEngine in TypeScript, on dgram sockets and a TUN device (data-plane.md §6). */

import type { Clock, Random } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import { openMemoryTun } from '../tun/memory.ts';
import type { Tun } from '../tun/tun.ts';
import { DATA_OVERHEAD } from '../wireguard/constants.ts';
import { AllSockets } from './all-sockets.ts';
import { toStats } from './counters.ts';
import { Edges } from './edges.ts';
import { HandshakeGuard } from './guard.ts';
import { Inbound } from './inbound.ts';
import { validate } from './op-checks.ts';
import { Operations } from './operations.ts';
import { Outbound } from './outbound.ts';
import { type EnginePlatform, platformOf } from './platform.ts';
import { EngineState } from './state.ts';
import type {
  EngineCaps,
  EngineConfig,
  EngineOp,
  EngineRecord,
  EngineStats,
  FilterRuleCount,
  InjectPacket,
  PacketEngine,
  PeerActivity,
  PeerId,
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
  readonly #inbound: Inbound;
  readonly #guard = new HandshakeGuard();
  readonly #operations: Operations;
  #sockets: AllSockets | undefined;
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
    this.#inbound = new Inbound({
      state: this.#state,
      outbound: this.#outbound,
      guard: this.#guard,
      send: (to, datagram, via) => this.#send(to, datagram, via),
      deliver: (packet, length) => void this.#deliver(packet, length),
    });
    this.#operations = new Operations({
      state: this.#state,
      outbound: this.#outbound,
      inbound: this.#inbound,
      guard: this.#guard,
      sockets: () => this.#sockets,
    });
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

  apply(ops: readonly EngineOp[]): void {
    this.#state.refresh();
    validate(ops, this.#state);
    for (const op of ops) this.#operations.do(op);
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
    this.#operations.eraseAll();
    this.#state.records.clear();
    await this.#closeAll();
  }

  async #openAll(config: EngineConfig): Promise<void> {
    this.#state.mtu = config.mtu;
    this.#guard.restart(config.underLoadHandshakes);
    try {
      this.#tun = this.#openTun(config);
      this.#sockets = this.#newSockets(config);
      await this.#sockets.bind();
    } catch (error) {
      await this.#closeAll();
      this.#phase = 'stopped';
      throw error;
    }
    this.#phase = 'running';
    this.#startTun();
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
        this.#log('error', 'engine.tun-gone', { why: error.message });
        this.#state.records.push({ type: 'device', what: 'tun-gone', detail: error.message });
      },
    });
  }

  #newSockets({ sockets, port, mark, dontFragment = false }: EngineConfig): AllSockets {
    return new AllSockets(
      sockets ?? this.#platform.sockets,
      { port, mark, dontFragment },
      {
        receive: (from, datagram, via) => {
          this.#state.refresh();
          this.#inbound.fromWire(from, datagram, via);
        },
        sendFailed: (to, code, via) => this.#sendFailed(to, code, via),
        extraGone: (via, code) => this.#extraGone(via, code),
        dead: (error) => this.#socketDead(error),
      },
      this.#clock,
      this.#log,
    );
  }

  #send(to: SockAddr, datagram: Uint8Array, via: SocketId | undefined): void {
    if (this.#sockets?.send(to, datagram, via ?? 0) !== true) this.#state.counters['drop.no-socket']++;
  }

  #sendFailed(to: SockAddr, code: string, via: SocketId): void {
    this.#state.counters[code === 'EAGAIN' || code === 'ENOBUFS' ? 'drop.would-block' : 'drop.send-failed']++;
    const now = this.#state.refresh();
    // A full socket is how a fast sender is slowed down.
    if (code === 'EAGAIN' || !this.#errors.isNew(`${code} ${to.ip}`, now)) return;
    let peer: PeerId | undefined;
    for (const one of this.#state.peers.values())
      if (one.path.direct?.ip === to.ip && one.path.direct.port === to.port && (one.path.via ?? 0) === via)
        peer = one.id;
    this.#state.records.push({ type: 'path-error', peer, via: via === 0 ? undefined : via, code });
  }

  #extraGone(via: SocketId, code: string): void {
    this.#state.refresh();
    this.#log('info', 'socket.extra-gone', { via, code });
    this.#state.records.push({ type: 'path-error', peer: undefined, via, code });
    this.#operations.socketGone(via);
  }

  #socketDead(error: Error): void {
    if (this.#phase === 'stopped' || this.#phase === 'destroyed') return;
    this.#log('error', 'engine.socket-dead', { why: error.message });
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

  #inject(packet: InjectPacket): boolean {
    const state = this.#state;
    if (this.#phase !== 'running') {
      state.counters['drop.not-ready']++;
      return false;
    }
    switch (packet.kind) {
      case 'udp':
        // What is longer than the tunnel's own datagrams asks what a path takes: a refusal is an answer, and no news.
        if (packet.data.length > state.mtu + DATA_OVERHEAD)
          this.#errors.isNew(`EMSGSIZE ${packet.to.ip}`, state.now);
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
    return this.#deliver(packet, packet.length);
  }

  /** False when the device did not take it, or there is none. */
  #deliver(packet: Uint8Array, length: number): boolean {
    const code = this.#tun === undefined ? 'none' : this.#tun.write(packet, length);
    if (code === undefined) return true;
    this.#state.counters['drop.tun-write']++;
    if (this.#tun !== undefined && this.#errors.isNew('tun', this.#state.now))
      this.#state.records.push({ type: 'tun-error', code });
    return false;
  }

  async #closeAll(): Promise<void> {
    this.#cancelHold?.();
    this.#cancelHold = undefined;
    const tun = this.#tun;
    const sockets = this.#sockets;
    this.#tun = undefined;
    this.#sockets = undefined;
    this.#state.extraSockets.clear();
    tun?.close();
    await sockets?.close();
  }
}
