/** Those who wish a network ill: strangers who forge and replay, and a member who lies about addresses. */
import type { Random } from '#shared/async/clock.ts';
import { DISCO_MAGIC, looksLikeDisco } from '#shared/disco/envelope.ts';
import type { DiscoMessage } from '#shared/disco/message.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { NodeKey, PrivateKey } from '#shared/key/key.ts';
import { encodeResponse } from '#shared/stun/stun.ts';
import { DiscoBox } from '../../disco/disco-box.ts';
import { Host } from '../network/host.ts';
import { conditions, type Datagram, isV6 } from '../network/network.ts';
import type { SimClock } from '../network/sim-clock.ts';
import { STUN_PORT } from '../network/stun-host.ts';
import { stunAddress, type World } from '../network/world.ts';
import type { ModelControl } from './control.ts';
import type { Machine } from './machine.ts';
import { PACKET_BYTES } from './model-engine.ts';
import type { Hostility } from './plan.ts';
import { type Relay, RelayClient } from './relays.ts';

export interface HostileDeps {
  readonly clock: SimClock;
  readonly random: Random;
  readonly world: World;
  readonly machines: readonly Machine[];
  readonly relays: ReadonlyMap<number, Relay>;
  readonly control: ModelControl;
  /** Of the member, and of a stranger. */
  readonly keys: readonly [PrivateKey, PrivateKey];
  readonly nodeKey: NodeKey;
  onAct(): void;
}

const ADDRESS = '66.66.66.66';
const PORT = 666;
/** Someone who has nothing to do with it all. */
const VICTIM: SockAddr = { ip: '77.77.77.77', port: 777 };
const TIMES = 40;
const MAX_SEEN = 100;
const LIST = 3_000;

export class Hostile {
  readonly #deps: HostileDeps;
  readonly #host: Host;
  readonly #member: DiscoBox;
  readonly #stranger: DiscoBox;
  readonly #relay: RelayClient;
  readonly #seen: Datagram[] = [];
  /** Bytes that reached machines in the bystander's name, and that they sent there. */
  spoofedBytes = 0;
  victimBytes = 0;

  constructor(deps: HostileDeps) {
    this.#deps = deps;
    const { clock, random, world, keys, nodeKey, relays } = deps;
    const bytes = (length: number): Uint8Array =>
      Uint8Array.from({ length }, () => Math.floor(random() * 256));
    this.#member = new DiscoBox(keys[0], bytes);
    this.#stranger = new DiscoBox(keys[1], bytes);
    // Named as a machine that comes after the others: its own address may be used for it.
    this.#host = new Host(world.network, `m${deps.machines.length}`);
    const link = conditions({ delayMs: 5 });
    this.#host.plug({ name: 'eth0', segment: world.core, link, addresses: [ADDRESS], metric: 1 });
    this.#host.bind(4, () => undefined, PORT);
    this.#relay = new RelayClient({
      clock,
      random,
      key: nodeKey,
      relays,
      path: () => ({ delayMs: 5, loss: 0, epoch: 'hostile' }),
      events: { packet: () => undefined, peerGone: () => undefined, changed: () => undefined },
    });
  }

  start(): void {
    const { control, machines, nodeKey } = this.#deps;
    control.enroll({
      index: machines.length,
      nodeKey,
      discoKey: this.#member.publicKey,
      endpoints: [{ ip: ADDRESS, port: PORT }],
      homeRegion: 1,
    });
  }

  /** A machine sends there. */
  sent(to: SockAddr, bytes: number): void {
    if (to.ip === VICTIM.ip && to.port === VICTIM.port) this.victimBytes += bytes;
  }

  saw(datagram: Datagram): void {
    const { origin, data, dstIp, srcIp } = datagram;
    if (srcIp === VICTIM.ip) this.spoofedBytes += data.length;
    // What goes to the bystander is counted: nothing of our own may be among it.
    if (!looksLikeDisco(data) || origin.host === this.#host.name || dstIp === VICTIM.ip) return;
    this.#seen.push(datagram);
    if (this.#seen.length > MAX_SEEN) this.#seen.shift();
  }

  act(what: Hostility, index: number): void {
    const target = this.#deps.machines[index];
    if (target === undefined) return;
    this.#deps.onAct();
    for (const box of [this.#member, this.#stranger])
      box.setPeers(this.#deps.machines.map(({ magicsock }) => magicsock.discoKey));
    switch (what) {
      case 'bad-list':
        this.#relay.send(
          target.underlay.home,
          target.nodeKey,
          this.#seal(this.#member, target, this.#badList()),
        );
        return;
      case 'replay':
        for (const { dstIp, dstPort, srcIp, srcPort, origin, data } of this.#seen) {
          const [ip = dstIp, port = dstPort] = origin.dst.split(' ');
          const to = { ip, port: Number(port) };
          this.#send(to, data);
          this.#host.forge({ ip: srcIp, port: srcPort }, to, data);
        }
        return;
      default:
        for (const to of target.facts.endpoints)
          for (let i = 0; i < TIMES; i++) this.#shoot(what, target, to);
    }
  }

  #shoot(what: Exclude<Hostility, 'bad-list' | 'replay'>, target: Machine, to: SockAddr): void {
    switch (what) {
      case 'stranger':
        this.#send(to, this.#seal(this.#stranger, target, this.#ping(target)));
        return;
      case 'list-by-udp':
        this.#send(to, this.#seal(this.#member, target, this.#badList(20)));
        return;
      case 'forged-stun': {
        const server = { ip: stunAddress(1, 4), port: STUN_PORT };
        this.#host.forge(server, to, encodeResponse(this.#bytes(12), VICTIM));
        return;
      }
      case 'junk':
        this.#send(to, this.#junk());
        return;
      case 'forged-data': {
        const data = this.#bytes(PACKET_BYTES);
        data[0] = 4;
        this.#send(to, data);
        const other = this.#deps.machines.find(({ index }) => index !== target.index)?.facts.endpoints[0];
        if (other !== undefined) this.#host.forge(other, to, data);
        return;
      }
      case 'spoofed-source': {
        if (isV6(to.ip)) return;
        const data = this.#seal(this.#member, target, this.#ping(target));
        this.#host.forge(VICTIM, to, data);
        return;
      }
      default:
        what satisfies never;
    }
  }

  #send(to: SockAddr, data: Uint8Array): void {
    this.#host.forge({ ip: ADDRESS, port: PORT }, to, data);
  }

  #seal(box: DiscoBox, target: Machine, message: DiscoMessage): Uint8Array {
    return box.seal(target.magicsock.discoKey, message) ?? new Uint8Array();
  }

  #ping(target: Machine): DiscoMessage {
    const claimed = this.#deps.machines.find(({ index }) => index !== target.index)?.nodeKey;
    return { type: 'ping', txId: this.#bytes(12), nodeKey: claimed ?? this.#deps.nodeKey, padding: 0 };
  }

  /** Loopback, multicast, ourselves, the tailnet, others' private networks, port 0, and very many of them. */
  #badList(length = LIST): DiscoMessage {
    const { random } = this.#deps;
    const any = (): number => Math.floor(random() * 256);
    const kinds = [
      () => `127.0.0.${any()}`,
      () => `224.0.0.${any()}`,
      () => '255.255.255.255',
      () => `0.0.0.${any()}`,
      () => `100.${64 + (any() % 64)}.${any()}.${any()}`,
      () => `10.${any()}.${any()}.${any()}`,
      () => `192.168.${any()}.${any()}`,
      () => `169.254.${any()}.${any()}`,
      () => '::1',
      () => `fe80::${any().toString(16)}`,
      () => `ff02::${any().toString(16)}`,
      () => `fd7a:115c:a1e0::${any().toString(16)}`,
      () => '::',
      () => `77.77.78.${any()}`,
    ];
    const endpoints = Array.from({ length }, () => {
      const kind = kinds[Math.floor(random() * kinds.length)];
      return { ip: kind?.() ?? '::', port: random() < 0.05 ? 0 : Math.floor(random() * 65_536) };
    });
    return { type: 'call-me-maybe', endpoints };
  }

  #junk(): Uint8Array {
    const data = this.#bytes(1 + Math.floor(this.#deps.random() * 300));
    const half = Math.floor(data.length / 2);
    if (this.#deps.random() < 0.5) data.set(DISCO_MAGIC.subarray(0, Math.min(half, DISCO_MAGIC.length)));
    return data;
  }

  #bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => Math.floor(this.#deps.random() * 256));
  }
}
