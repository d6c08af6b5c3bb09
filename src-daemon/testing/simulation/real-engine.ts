/** The portable engine and its WireGuard tunnel as a simulated machine has them: on simulated sockets, with a TUN in memory. */
import type { Clock, Random } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import { keyBytes, type NodeKey, type PrivateKey } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { createPortableEngine } from '../../engine/portable.ts';
import { Tunnel } from '../../engine/tunnel.ts';
import type {
  EngineRecord,
  MemoryTun,
  PacketEngine,
  PeerId,
  PeerPath,
  SocketFactory,
  SocketId,
} from '../../engine/types.ts';
import type { Activity } from '../../magicsock/types.ts';
import type { Host } from '../network/host.ts';
import { ipPacket } from '../packets.ts';
import { codeOf, type EngineEvents, type EnginePort, kindAt, type ModelPacket } from './engine-port.ts';

const PAYLOAD_BYTES = 32;
const V4_HEADER = 20;
const MTU = 1_280;
/** Type 4 of WireGuard. */
const DATA = 4;

const addressOf = (peer: PeerId): string => `100.64.0.${peer}`;

export class RealEngine implements EnginePort {
  readonly #clock: Clock;
  readonly #events: EngineEvents;
  readonly #engine: PacketEngine;
  readonly #tunnel: Tunnel;
  readonly #tun: MemoryTun;
  readonly #own: PeerId;
  readonly #port: number;
  readonly #sockets: SocketFactory;
  readonly #ports = new Map<4 | 6, number>();
  readonly #peers = new Map<PeerId, Uint8Array>();
  readonly #paths = new Map<PeerId, PeerPath>();
  #sequence = 1;
  #isStarted = false;

  constructor(options: {
    readonly clock: Clock;
    readonly random: Random;
    readonly host: Host;
    readonly port: number;
    readonly index: number;
    readonly privateKey: PrivateKey;
    readonly events: EngineEvents;
  }) {
    const { clock, random, host, port, events } = options;
    this.#clock = clock;
    this.#events = events;
    this.#own = options.index + 1;
    this.#port = port;
    this.#tun = { receive: (packet) => this.#toHost(packet), send: undefined };
    this.#sockets = this.#socketsOn(host);
    this.#engine = createPortableEngine({ clock, random, log: silent });
    this.#tunnel = new Tunnel({
      engine: this.#engine,
      privateKey: options.privateKey,
      clock,
      random,
      log: silent,
      onRecord: (record) => this.#record(record),
    });
  }

  async start(): Promise<void> {
    await this.#engine.start({
      tun: { kind: 'memory', tun: this.#tun },
      mtu: MTU,
      port: this.#port,
      sockets: this.#sockets,
    });
    this.#isStarted = true;
    this.#tunnel.setPeers(this.#list());
  }

  /** A second time the peer is made anew, and its session with it. */
  add(peer: PeerId, _token: number, nodeKey: NodeKey): void {
    this.#paths.delete(peer);
    this.#peers.set(peer, keyBytes(nodeKey));
    if (!this.#isStarted) return;
    this.#tunnel.setPeers(this.#list(peer));
    this.#tunnel.setPeers(this.#list());
  }

  pathOf(peer: PeerId): PeerPath {
    return this.#paths.get(peer) ?? { mode: 'none' };
  }

  activity(ids: readonly PeerId[]): readonly Activity[] {
    return this.#engine.peers(ids.filter((id) => this.#peers.has(id)));
  }

  setPath(peer: PeerId, path: PeerPath): void {
    if (!this.#peers.has(peer)) return;
    this.#paths.set(peer, path);
    this.#engine.apply([{ op: 'path-set', peer, path }]);
  }

  send(peer: PeerId, kind: ModelPacket['kind']): void {
    const payload = new Uint8Array(PAYLOAD_BYTES);
    const view = new DataView(payload.buffer);
    payload[0] = codeOf(kind);
    view.setUint32(4, this.#sequence++);
    view.setFloat64(8, this.#clock.monotonic());
    this.#tun.send?.(ipPacket({ from: addressOf(this.#own), to: addressOf(peer), payload }));
  }

  sendRaw(to: SockAddr, data: Uint8Array, via: SocketId): string | undefined {
    this.#engine.inject([{ kind: 'udp', to, data, via: via === 0 ? undefined : via }]);
    return undefined;
  }

  openSocket(id: SocketId, family: 4 | 6): void {
    this.#engine.apply([{ op: 'socket-open', socket: id, family }]);
  }

  closeSocket(id: SocketId): void {
    this.#engine.apply([{ op: 'socket-close', socket: id }]);
  }

  relayed(peer: PeerId, region: number, data: Uint8Array): void {
    this.#engine.inject([{ kind: 'relay-in', peer, region, data }]);
  }

  met(peer: PeerId): void {
    this.#tunnel.reached(peer);
  }

  greet(peer: PeerId): void {
    if (this.#tunnel.peerStatus(peer)?.state === 'none') this.#engine.apply([{ op: 'send-keepalive', peer }]);
  }

  portOf(family: 4 | 6): number {
    return this.#ports.get(family) ?? 0;
  }

  async close(): Promise<void> {
    this.#tunnel.close();
    await this.#engine.destroy();
  }

  #list(without?: PeerId): { peer: PeerId; publicKey: Uint8Array; allowedIps: readonly string[] }[] {
    return [...this.#peers]
      .filter(([peer]) => peer !== without)
      .map(([peer, publicKey]) => ({ peer, publicKey, allowedIps: [`${addressOf(peer)}/32`] }));
  }

  #socketsOn(host: Host): SocketFactory {
    return {
      open: ({ family, port, receive, sendFailed }) => {
        if (port === this.#port && this.#ports.has(family) && port !== 0)
          return Promise.reject(new RhumbError('conflict', 'the port is taken'));
        const socket = host.bind(family, receive, port);
        if (port !== 0) this.#ports.set(family, socket.port);
        return Promise.resolve({
          port: socket.port,
          send: (to: SockAddr, data: Uint8Array) => {
            if (data[0] === DATA) this.#events.sending(to, data);
            const code = socket.send(to, data);
            if (code !== undefined) this.#clock.after(0, () => sendFailed?.(to, code));
          },
          close: () => {
            socket.close();
            return Promise.resolve();
          },
        });
      },
    };
  }

  #toHost(packet: Uint8Array): void {
    const payload = packet.slice(V4_HEADER);
    const peer = packet[15] ?? 0;
    if (payload.length < PAYLOAD_BYTES) return;
    const view = new DataView(payload.buffer);
    const kind = kindAt(payload[0] ?? 0);
    // The engine does not say how a packet came; the activity words do.
    const [words] = this.#engine.peers([peer]);
    const isDirect = words !== undefined && words.rxBestAt === this.#engine.nowMs();
    this.#events.deliver(peer, { kind, sequence: view.getUint32(4), sentMs: view.getFloat64(8) }, isDirect);
  }

  #record(record: EngineRecord): void {
    switch (record.type) {
      case 'stun':
        this.#events.stun(record.data);
        return;
      case 'disco':
        this.#events.disco(record.from, record.data, record.via ?? 0);
        return;
      case 'relay-out':
        this.#events.sendRelay(record.region, record.peer, record.data);
        return;
      case 'need-path':
        this.#events.needPath(record.peer);
        return;
      case 'peer-active':
        this.#events.peerActive(record.peer);
        return;
      case 'new-address':
        this.#events.newAddress(record.peer, record.from, record.via ?? 0);
        return;
      case 'path-error':
        if (record.peer !== undefined) this.#events.pathError(record.peer, record.code);
        return;
      default:
      // Handshakes are the tunnel's; the rest is no matter of paths.
    }
  }
}
