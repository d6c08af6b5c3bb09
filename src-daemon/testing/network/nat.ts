/** What a NAT or stateful firewall remembers: mappings, filters, ports and timers of every kind (RFC 4787). */
import type { Random } from '#shared/async/clock.ts';
import type { SockAddr } from '#shared/ip/address.ts';

/** RFC 4787 §4.1 and §5: on what of the remote end a mapping or the permission to send in depends. */
export type Dependence = 'endpoint' | 'address' | 'address-and-port';

export interface NatBehaviour {
  /** `none` is a router or firewall without translation. */
  readonly mapping: Dependence | 'none';
  readonly filtering: Dependence;
  readonly ports: 'preserving' | 'sequential' | 'random';
  /** Whether inner hosts reach each other by the outer address, and whose address the receiver sees. */
  readonly hairpin: 'no' | 'external-source' | 'internal-source';
  /** State dies when nothing was sent for this long, or received if `isRefreshedByInbound`. */
  readonly idleMs: number;
  /** The same before the first answer. */
  readonly unrepliedMs: number;
  readonly isRefreshedByInbound: boolean;
  readonly maxMappings: number;
}

const BASE: NatBehaviour = {
  mapping: 'endpoint',
  filtering: 'address-and-port',
  ports: 'preserving',
  hairpin: 'no',
  idleMs: 120_000,
  unrepliedMs: 30_000,
  isRefreshedByInbound: true,
  maxMappings: 4_096,
};

/** The kinds of nat-traversal.md §7.1 by the names of its tables. */
export const NAT_KINDS = {
  'full-cone': { ...BASE, filtering: 'endpoint' },
  'address-restricted': { ...BASE, filtering: 'address' },
  'port-restricted': BASE,
  symmetric: { ...BASE, mapping: 'address-and-port', ports: 'random' },
  'symmetric-sequential': { ...BASE, mapping: 'address-and-port', ports: 'sequential' },
  'symmetric-per-address': { ...BASE, mapping: 'address', filtering: 'address', ports: 'random' },
  firewall: { ...BASE, mapping: 'none' },
  open: { ...BASE, mapping: 'none', filtering: 'endpoint' },
} as const satisfies Readonly<Record<string, NatBehaviour>>;
export type NatKind = keyof typeof NAT_KINDS;

interface Mapping {
  readonly inner: SockAddr;
  readonly outerPort: number;
  /** The key under which the outbound side finds it. */
  readonly key: string;
  /** Remote `ip` or `ip port` to the time of the last datagram there, by which filters let in. */
  readonly sentTo: Map<string, number>;
  usedAtMs: number;
  isReplied: boolean;
}

const FIRST_RANDOM_PORT = 1_024;
const PORTS = 65_536;
const MAX_TRIES = 64;

export class NatTable {
  readonly behaviour: NatBehaviour;
  readonly #random: Random;
  readonly #byKey = new Map<string, Mapping>();
  readonly #byPort = new Map<number, Mapping[]>();
  /** Outer port to inner address, by the user's or a protocol's word. */
  readonly forwards = new Map<number, SockAddr>();
  /** Flows that came in by a forward: their answers leave by the same port. */
  readonly #forwarded = new Map<string, { readonly port: number; usedAtMs: number }>();
  #nextPort: number;
  #shift = 0;

  constructor(behaviour: NatBehaviour, random: Random) {
    this.behaviour = behaviour;
    this.#random = random;
    this.#nextPort = 20_000 + Math.floor(random() * 20_000);
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** The outer port for a datagram that leaves; undefined when the table is full. */
  outbound(inner: SockAddr, to: SockAddr, nowMs: number): number | undefined {
    const flow = this.#forwarded.get(flowKey(inner, to));
    if (flow !== undefined && nowMs - flow.usedAtMs <= this.behaviour.idleMs) {
      flow.usedAtMs = nowMs;
      return flow.port;
    }
    const key = this.#keyOf(inner, to);
    let mapping = this.#byKey.get(key);
    if (mapping !== undefined && this.#isDead(mapping, nowMs)) {
      this.#forget(mapping);
      mapping = undefined;
    }
    mapping ??= this.#make(key, inner, nowMs);
    if (mapping === undefined) return undefined;
    mapping.usedAtMs = nowMs;
    mapping.sentTo.set(this.#remoteOf(to), nowMs);
    return mapping.outerPort;
  }

  /** The inner address for a datagram that came to `port`; undefined when it may not in. */
  inbound(from: SockAddr, port: number, nowMs: number): SockAddr | undefined {
    for (const mapping of this.#byPort.get(port) ?? []) {
      if (this.#isDead(mapping, nowMs) || !this.#mayEnter(mapping, from, nowMs)) continue;
      mapping.isReplied = true;
      if (this.behaviour.isRefreshedByInbound) mapping.usedAtMs = nowMs;
      return mapping.inner;
    }
    const inner = this.forwards.get(port);
    if (inner !== undefined) this.#forwarded.set(flowKey(inner, from), { port, usedAtMs: nowMs });
    return inner;
  }

  /** For `mapping: none`, where hosts keep their addresses: whether a datagram from outside may go on. */
  admits(from: SockAddr, inner: SockAddr, nowMs: number): boolean {
    if (this.behaviour.filtering === 'endpoint') return true;
    const mapping = this.#byKey.get(this.#keyOf(inner, from));
    if (mapping === undefined || this.#isDead(mapping, nowMs)) return false;
    if (!this.#mayEnter(mapping, from, nowMs)) return false;
    mapping.isReplied = true;
    if (this.behaviour.isRefreshedByInbound) mapping.usedAtMs = nowMs;
    return true;
  }

  /** Forgets everything; with `movePorts` what comes back gets other ports than before. */
  rebind(movePorts: boolean): void {
    this.#byKey.clear();
    this.#byPort.clear();
    this.#forwarded.clear();
    if (movePorts) this.#shift += 1_000 + Math.floor(this.#random() * 1_000);
  }

  #keyOf(inner: SockAddr, to: SockAddr): string {
    const own = `${inner.ip} ${inner.port}`;
    switch (this.behaviour.mapping) {
      case 'none':
      case 'endpoint':
        return own;
      case 'address':
        return `${own} ${to.ip}`;
      case 'address-and-port':
        return `${own} ${to.ip} ${to.port}`;
      default:
        return this.behaviour.mapping satisfies never;
    }
  }

  #remoteOf(to: SockAddr): string {
    return this.behaviour.filtering === 'address-and-port' ? `${to.ip} ${to.port}` : to.ip;
  }

  #mayEnter(mapping: Mapping, from: SockAddr, nowMs: number): boolean {
    if (this.behaviour.filtering === 'endpoint') return true;
    const atMs = mapping.sentTo.get(this.#remoteOf(from));
    if (atMs === undefined) return false;
    if (nowMs - atMs > this.behaviour.idleMs) {
      mapping.sentTo.delete(this.#remoteOf(from));
      return false;
    }
    if (this.behaviour.isRefreshedByInbound) mapping.sentTo.set(this.#remoteOf(from), nowMs);
    return true;
  }

  #isDead({ usedAtMs, isReplied }: Mapping, nowMs: number): boolean {
    return nowMs - usedAtMs > (isReplied ? this.behaviour.idleMs : this.behaviour.unrepliedMs);
  }

  #make(key: string, inner: SockAddr, nowMs: number): Mapping | undefined {
    if (this.#byKey.size >= this.behaviour.maxMappings) this.#sweep(nowMs);
    if (this.#byKey.size >= this.behaviour.maxMappings) return undefined;
    const outerPort = this.behaviour.mapping === 'none' ? inner.port : this.#freePort(inner, nowMs);
    if (outerPort === undefined) return undefined;
    const mapping: Mapping = { inner, outerPort, key, sentTo: new Map(), usedAtMs: nowMs, isReplied: false };
    this.#byKey.set(key, mapping);
    const sharing = this.#byPort.get(outerPort);
    if (sharing === undefined) this.#byPort.set(outerPort, [mapping]);
    else sharing.push(mapping);
    return mapping;
  }

  #freePort(inner: SockAddr, nowMs: number): number | undefined {
    if (this.behaviour.ports === 'preserving') {
      const wanted = (inner.port + this.#shift) % PORTS;
      if (this.#isFree(wanted, nowMs)) return wanted;
    }
    for (let i = 0; i < MAX_TRIES; i++) {
      const port = this.behaviour.ports === 'random' ? this.#randomPort() : this.#nextPort++ % PORTS;
      if (port >= FIRST_RANDOM_PORT && this.#isFree(port, nowMs)) return port;
    }
    return undefined;
  }

  #randomPort(): number {
    return FIRST_RANDOM_PORT + Math.floor(this.#random() * (PORTS - FIRST_RANDOM_PORT));
  }

  #isFree(port: number, nowMs: number): boolean {
    if (port === 0 || this.forwards.has(port)) return false;
    for (const mapping of this.#byPort.get(port) ?? [])
      if (this.#isDead(mapping, nowMs)) this.#forget(mapping);
    return (this.#byPort.get(port)?.length ?? 0) === 0;
  }

  #forget(mapping: Mapping): void {
    this.#byKey.delete(mapping.key);
    const left = (this.#byPort.get(mapping.outerPort) ?? []).filter((other) => other !== mapping);
    if (left.length === 0) this.#byPort.delete(mapping.outerPort);
    else this.#byPort.set(mapping.outerPort, left);
  }

  #sweep(nowMs: number): void {
    for (const mapping of [...this.#byKey.values()]) if (this.#isDead(mapping, nowMs)) this.#forget(mapping);
  }
}

const flowKey = (inner: SockAddr, remote: SockAddr): string =>
  `${inner.ip} ${inner.port} ${remote.ip} ${remote.port}`;
