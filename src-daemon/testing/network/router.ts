/** A router between an inner segment and the one above it: NAT for IPv4, a firewall for IPv6, rules about UDP. */
import type { SockAddr } from '#shared/ip/address.ts';
import { type NatBehaviour, NatTable } from './nat.ts';
import {
  type Attachment,
  type Datagram,
  isV6,
  type LinkConditions,
  type Network,
  Segment,
} from './network.ts';

/** What a router lets through at all, before NAT. */
export type UdpRule =
  | { readonly kind: 'all' }
  | { readonly kind: 'none' }
  | { readonly kind: 'only'; readonly ports: readonly number[] }
  | { readonly kind: 'but'; readonly ports: readonly number[] };

export interface RouterOptions {
  readonly name: string;
  readonly upstream: Segment;
  readonly uplink: LinkConditions;
  /** Outer IPv4 address; without one there is no IPv4 behind it. */
  readonly wanIp: string | undefined;
  readonly nat: NatBehaviour;
  readonly firewall6: NatBehaviour;
  readonly udp?: UdpRule;
  readonly lanLink?: LinkConditions;
}

const LAN_LINK: LinkConditions = {
  isUp: true,
  delayMs: 0.2,
  jitterMs: 0,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  mtu: 1_500,
};

export class Router {
  readonly name: string;
  readonly lan: Segment;
  readonly nat: NatTable;
  readonly firewall6: NatTable;
  udp: UdpRule;
  /** Looks into datagrams and drops those of WireGuard, as some networks do. */
  dropsWireguard = false;
  /** How often all it knew was lost. */
  reboots = 0;
  readonly #network: Network;
  readonly #wan: Attachment;
  readonly #lanSide: Attachment;
  /** Addresses of hosts behind it that are routed here, not translated. */
  readonly #routed = new Set<string>();
  #wanIp: string | undefined;

  constructor(network: Network, options: RouterOptions) {
    this.#network = network;
    this.name = options.name;
    this.udp = options.udp ?? { kind: 'all' };
    this.nat = new NatTable(options.nat, network.random);
    this.firewall6 = new NatTable(options.firewall6, network.random);
    this.lan = new Segment(`${options.name}.lan`);
    this.#wanIp = options.wanIp;
    this.#wan = {
      segment: options.upstream,
      link: options.uplink,
      receive: (datagram) => this.#fromOutside(datagram),
    };
    this.#lanSide = {
      segment: this.lan,
      link: options.lanLink ?? { ...LAN_LINK },
      receive: (datagram) => this.#fromInside(datagram),
    };
    options.upstream.join(this.#wan, options.wanIp === undefined ? [] : [options.wanIp]);
    this.lan.join(this.#lanSide, []);
    this.lan.gateway = this.#lanSide;
  }

  get upstream(): Segment {
    return this.#wan.segment;
  }

  get uplink(): LinkConditions {
    return this.#wan.link;
  }

  get wanIp(): string | undefined {
    return this.#wanIp;
  }

  /** The provider gives another address; what the table knew is gone with the old one. */
  renumber(wanIp: string): void {
    if (this.#wanIp !== undefined) this.upstream.release(this.#wanIp);
    this.#wanIp = wanIp;
    this.upstream.join(this.#wan, [wanIp]);
    this.nat.rebind(false);
  }

  /** Translations and permissions are gone, and open TCP connections with them. */
  reboot(): void {
    this.reboots += 1;
    this.nat.rebind(true);
    this.firewall6.rebind(false);
  }

  /** Datagrams from above to this address of a host inside come here. */
  route(ip: string): void {
    this.#routed.add(ip);
    this.upstream.join(this.#wan, [ip]);
  }

  unroute(ip: string): void {
    this.#routed.delete(ip);
    if (this.upstream.owner(ip) === this.#wan) this.upstream.release(ip);
  }

  #fromInside(datagram: Datagram): void {
    // Inspection is the provider's: what turns back here is not seen.
    const isInspected = datagram.dstIp !== this.#wanIp && this.#isUnwanted(datagram);
    if (!mayPass(this.udp, datagram.dstPort) || isInspected) {
      this.#network.count('drop.udp-blocked');
      return;
    }
    if (isV6(datagram.dstIp)) {
      this.#filterOut(this.firewall6, datagram);
      return;
    }
    if (this.nat.behaviour.mapping === 'none') {
      this.#filterOut(this.nat, datagram);
      return;
    }
    if (this.#wanIp === undefined) {
      this.#network.count('drop.no-route');
      return;
    }
    const outerPort = this.nat.outbound(source(datagram), destination(datagram), this.#now());
    if (outerPort === undefined) {
      this.#network.count('drop.nat-full');
      return;
    }
    const translated = { ...datagram, srcIp: this.#wanIp, srcPort: outerPort };
    if (datagram.dstIp === this.#wanIp) this.#hairpin(datagram, translated);
    else this.#network.transmit(this.#wan, translated);
  }

  #filterOut(table: NatTable, datagram: Datagram): void {
    // Without translation only hosts whose addresses are routed here have a way back.
    if (!this.#routed.has(datagram.srcIp)) {
      this.#network.count('drop.unrouted-source');
      return;
    }
    table.outbound(source(datagram), destination(datagram), this.#now());
    this.#network.transmit(this.#wan, datagram);
  }

  #hairpin(datagram: Datagram, translated: Datagram): void {
    const { hairpin } = this.nat.behaviour;
    if (hairpin === 'no') {
      this.#network.count('drop.no-hairpin');
      return;
    }
    const inner = this.nat.inbound(source(translated), datagram.dstPort, this.#now());
    if (inner === undefined) {
      this.#network.count('drop.filtered');
      return;
    }
    const seen = hairpin === 'external-source' ? translated : datagram;
    this.#network.transmit(this.#lanSide, { ...seen, dstIp: inner.ip, dstPort: inner.port });
  }

  #fromOutside(datagram: Datagram): void {
    if (!mayPass(this.udp, datagram.srcPort) || this.#isUnwanted(datagram)) {
      this.#network.count('drop.udp-blocked');
      return;
    }
    if (this.#routed.has(datagram.dstIp)) {
      const table = isV6(datagram.dstIp) ? this.firewall6 : this.nat;
      if (!table.admits(source(datagram), destination(datagram), this.#now())) {
        this.#network.count('drop.filtered');
        return;
      }
      this.#network.transmit(this.#lanSide, datagram);
      return;
    }
    // An address that was routed here until just now.
    const isOurs = datagram.dstIp === this.#wanIp;
    const inner = isOurs ? this.nat.inbound(source(datagram), datagram.dstPort, this.#now()) : undefined;
    if (inner === undefined) {
      this.#network.count('drop.filtered');
      return;
    }
    this.#network.transmit(this.#lanSide, { ...datagram, dstIp: inner.ip, dstPort: inner.port });
  }

  #isUnwanted({ data }: Datagram): boolean {
    const [type = 0, ...reserved] = data.subarray(0, 4);
    return this.dropsWireguard && type >= 1 && type <= 4 && reserved.every((byte) => byte === 0);
  }

  #now(): number {
    return this.#network.clock.monotonic();
  }
}

const source = ({ srcIp, srcPort }: Datagram): SockAddr => ({ ip: srcIp, port: srcPort });
const destination = ({ dstIp, dstPort }: Datagram): SockAddr => ({ ip: dstIp, port: dstPort });

function mayPass(rule: UdpRule, remotePort: number): boolean {
  switch (rule.kind) {
    case 'all':
      return true;
    case 'none':
      return false;
    case 'only':
      return rule.ports.includes(remotePort);
    case 'but':
      return !rule.ports.includes(remotePort);
    default:
      return rule satisfies never;
  }
}
