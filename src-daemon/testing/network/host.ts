/** A simulated machine: interfaces with addresses that may change, a route by metric, UDP sockets, a firewall of its own. */
import type { SockAddr } from '#shared/ip/address.ts';
import { NAT_KINDS, NatTable } from './nat.ts';
import {
  type Attachment,
  type Datagram,
  isV6,
  type LinkConditions,
  type Network,
  type Segment,
} from './network.ts';
import type { Router } from './router.ts';

export interface Uplink {
  readonly name: string;
  readonly segment: Segment;
  readonly link: LinkConditions;
  readonly addresses: readonly string[];
  /** Routers that lead to an address of this host which is not translated; the innermost first. */
  readonly routedBy?: readonly Router[];
  /** The lowest one that is up and has the family carries what is for elsewhere. */
  readonly metric: number;
}

export interface HostSocket {
  readonly port: number;
  /** The system's error name when the datagram can't even be tried. */
  send(to: SockAddr, data: Uint8Array): string | undefined;
  close(): void;
}

type Receive = (from: SockAddr, data: Uint8Array) => void;

const FIRST_PORT = 40_000;

export class Host {
  readonly name: string;
  /** Neither sends nor hears anything; sockets stay. */
  isAsleep = false;
  /** Lets in only what answers, as a packet filter on the machine itself. */
  readonly firewall: NatTable | undefined;
  readonly #network: Network;
  readonly #interfaces = new Map<string, { readonly uplink: Uplink; readonly attachment: Attachment }>();
  readonly #sockets = new Map<string, Receive>();
  #nextPort = FIRST_PORT;

  constructor(network: Network, name: string, options: { readonly hasFirewall?: boolean } = {}) {
    this.#network = network;
    this.name = name;
    if (options.hasFirewall === true) this.firewall = new NatTable(NAT_KINDS.firewall, network.random);
  }

  plug(uplink: Uplink): void {
    this.unplug(uplink.name);
    const attachment: Attachment = {
      segment: uplink.segment,
      link: uplink.link,
      receive: (datagram) => this.#receive(datagram),
    };
    uplink.segment.join(attachment, uplink.addresses);
    for (const router of uplink.routedBy ?? [])
      for (const ip of uplink.addresses) if (isRouted(router, ip)) router.route(ip);
    this.#interfaces.set(uplink.name, { uplink, attachment });
  }

  unplug(name: string): void {
    const known = this.#interfaces.get(name);
    if (known === undefined) return;
    known.uplink.segment.leave(known.attachment);
    for (const router of known.uplink.routedBy ?? [])
      for (const ip of known.uplink.addresses) if (isRouted(router, ip)) router.unroute(ip);
    this.#interfaces.delete(name);
  }

  uplinks(): readonly Uplink[] {
    return [...this.#interfaces.values()].map(({ uplink }) => uplink).sort((a, b) => a.metric - b.metric);
  }

  /** Of interfaces that are up, the default one's first. */
  addresses(): readonly string[] {
    return this.uplinks().flatMap(({ link, addresses }) => (link.isUp ? addresses : []));
  }

  bind(family: 4 | 6, receive: Receive, wanted = 0): HostSocket {
    const port = wanted === 0 || this.#sockets.has(`${family} ${wanted}`) ? this.#nextPort++ : wanted;
    const key = `${family} ${port}`;
    this.#sockets.set(key, receive);
    return {
      port,
      send: (to, data) => this.#send(family, port, to, data),
      close: () => {
        if (this.#sockets.get(key) === receive) this.#sockets.delete(key);
      },
    };
  }

  /** As if sent by this host, with any source: for those who forge. */
  forge(from: SockAddr, to: SockAddr, data: Uint8Array): void {
    const way = this.#wayTo(to.ip);
    if (way !== undefined) this.#network.transmit(way.attachment, this.#datagram(from, to, data));
  }

  #send(family: 4 | 6, port: number, to: SockAddr, data: Uint8Array): string | undefined {
    if (this.isAsleep) return 'ENETDOWN';
    if (isV6(to.ip) !== (family === 6)) return 'EAFNOSUPPORT';
    const way = this.#wayTo(to.ip);
    const ip = way?.uplink.addresses.find((address) => isV6(address) === (family === 6));
    if (way === undefined || ip === undefined) return 'ENETUNREACH';
    const from = { ip, port };
    this.firewall?.outbound(from, to, this.#network.clock.monotonic());
    this.#network.transmit(way.attachment, this.#datagram(from, to, data));
    return undefined;
  }

  #datagram(from: SockAddr, to: SockAddr, data: Uint8Array): Datagram {
    const origin = { host: this.name, dst: `${to.ip} ${to.port}` };
    return { srcIp: from.ip, srcPort: from.port, dstIp: to.ip, dstPort: to.port, data: data.slice(), origin };
  }

  /** A neighbour's address by the interface it is on, the rest by the default one. */
  #wayTo(ip: string): { readonly uplink: Uplink; readonly attachment: Attachment } | undefined {
    let best: { readonly uplink: Uplink; readonly attachment: Attachment } | undefined;
    for (const one of this.#interfaces.values()) {
      const { uplink } = one;
      if (!uplink.link.isUp || !uplink.addresses.some((address) => isV6(address) === isV6(ip))) continue;
      if (uplink.segment.owner(ip) !== undefined && uplink.segment.gateway !== undefined) return one;
      if (best === undefined || uplink.metric < best.uplink.metric) best = one;
    }
    return best;
  }

  #receive(datagram: Datagram): void {
    if (this.isAsleep) {
      this.#network.count('drop.asleep');
      return;
    }
    const { srcIp, srcPort, dstIp, dstPort, data } = datagram;
    const from = { ip: srcIp, port: srcPort };
    const nowMs = this.#network.clock.monotonic();
    if (this.firewall !== undefined && !this.firewall.admits(from, { ip: dstIp, port: dstPort }, nowMs)) {
      this.#network.count('drop.host-firewall');
      return;
    }
    const receive = this.#sockets.get(`${isV6(dstIp) ? 6 : 4} ${dstPort}`);
    if (receive === undefined) {
      this.#network.count('drop.no-socket');
      return;
    }
    this.#network.onReached?.(datagram, this.name);
    receive(from, data);
  }
}

/** IPv6, and IPv4 where nothing is translated. */
const isRouted = (router: Router, ip: string): boolean => isV6(ip) || router.nat.behaviour.mapping === 'none';
