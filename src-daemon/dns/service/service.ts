/** The network's service addresses on this host: names over UDP and TCP, echo, and a clear no for everything else (§7.1). */
import type { Clock } from '#shared/async/clock.ts';
import { copyOf, equal } from '#shared/bytes/bytes.ts';
import { parseIp, SERVICE_IP, SERVICE_IP6 } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import type { DnsResolver } from '../resolver/types.ts';
import {
  destinationOf,
  echoReply,
  type IpPacket,
  type Ports,
  Protocol,
  portsOf,
  portUnreachable,
  readPacket,
  tcpReset,
  udpPayload,
  udpReply,
} from './packet.ts';
import { Reflection } from './reflection.ts';
import { DnsTcpServer } from './tcp-server.ts';

export const SERVICE_ADDRESSES: readonly string[] = [SERVICE_IP, SERVICE_IP6];

export interface DnsServiceDeps {
  readonly resolver: Pick<DnsResolver, 'answer'>;
  readonly clock: Clock;
  readonly log: Log;
  /** A packet to this host, as if it came out of the tunnel. */
  readonly toHost: (packet: Uint8Array) => void;
}

const SERVICE_BYTES = SERVICE_ADDRESSES.map((ip) => parseIp(ip)).filter((ip) => ip !== undefined);
const DNS_PORT = 53;

export class DnsService implements AsyncDisposable {
  /** For others that serve something at a service address. */
  readonly reflection = new Reflection();
  readonly #deps: DnsServiceDeps;
  readonly #servers = new Map<string, DnsTcpServer>();
  readonly #ended = new AbortController();

  constructor(deps: DnsServiceDeps) {
    this.#deps = deps;
  }

  /**
   * TCP needs addresses of ours that the kernel has already: call it after the router. Idempotent; rejects when an address can't
   * be listened on, and UDP works all the same.
   */
  async listen(own: readonly string[]): Promise<void> {
    const wanted = new Set(own);
    for (const [ip, server] of this.#servers) {
      if (wanted.has(ip)) continue;
      this.#servers.delete(ip);
      await server[Symbol.asyncDispose]();
    }
    if (own.length === 0) this.reflection.clear();
    for (const ip of own) await this.#listenOn(ip);
  }

  /** An inner packet of this host to a service address. It is borrowed: nothing of it is kept. */
  packet(bytes: Uint8Array): void {
    const packet = readPacket(bytes);
    if (packet === undefined || !isOurs(packet)) return;
    const answer = this.#answer(packet);
    if (answer !== undefined) this.#deps.toHost(answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.listen([]);
  }

  #answer(packet: IpPacket): Uint8Array | undefined {
    switch (packet.protocol) {
      case Protocol.UDP: {
        const ports = portsOf(packet);
        if (ports === undefined) return undefined;
        return ports.destination === DNS_PORT ? this.#datagram(packet) : portUnreachable(packet);
      }
      case Protocol.TCP: {
        const ports = portsOf(packet);
        return ports === undefined ? undefined : this.#segment(packet, ports);
      }
      case Protocol.ICMP:
        return packet.version === 4 ? echoReply(packet) : undefined;
      case Protocol.ICMP6:
        return packet.version === 6 ? echoReply(packet) : undefined;
      default:
        return undefined;
    }
  }

  #datagram(borrowed: IpPacket): Uint8Array | undefined {
    const packet = { ...borrowed, bytes: copyOf(borrowed.bytes, 0, borrowed.end) };
    const query = udpPayload(packet);
    if (query === undefined) return undefined;
    const { resolver } = this.#deps;
    const answer = resolver.answer(query, { transport: 'udp', signal: this.#ended.signal });
    if (answer instanceof Promise) {
      this.#later(packet, answer);
      return undefined;
    }
    return answer === undefined ? undefined : udpReply(packet, answer);
  }

  #later(packet: IpPacket, answer: Promise<Uint8Array | undefined>): void {
    answer.then(
      (bytes) => {
        if (bytes !== undefined && !this.#ended.signal.aborted) this.#deps.toHost(udpReply(packet, bytes));
      },
      () => undefined, // the service ends: nobody waits
    );
  }

  #segment(packet: IpPacket, ports: Ports): Uint8Array | undefined {
    return this.reflection.turn(packet, ports, this.#deps.clock.monotonic()) ?? tcpReset(packet);
  }

  async #listenOn(ip: string): Promise<void> {
    const bytes = parseIp(ip);
    if (bytes === undefined || this.#servers.has(ip)) return;
    const onlyFrom = bytes.length === 4 ? SERVICE_IP : SERVICE_IP6;
    const server = await DnsTcpServer.listen({ ip, onlyFrom, resolver: this.#deps.resolver });
    this.#servers.set(ip, server);
    this.reflection.set(DNS_PORT, { ip: bytes, port: server.port });
    this.#deps.log('debug', 'dns.listening', { ip, port: server.port });
  }
}

const isOurs = (packet: IpPacket): boolean => SERVICE_BYTES.some((ip) => equal(ip, destinationOf(packet)));
