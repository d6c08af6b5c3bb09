/** A home router under a fake clock: NAT-PMP, PCP and UPnP with a real table of mappings, and the quirks that tests ask for. */
import type { Clock } from '../../async/clock.ts';
import { formatIp, parseIp, type SockAddr, to16 } from '../../ip/address.ts';
import type { LanAnswer, LanRequest } from '../../node/lan-fetch.ts';
import type { Fetch, OpenPortmapSocket } from '../types.ts';

export const GATEWAY = '192.168.1.1';
export const SELF = '192.168.1.7';
const LOCATION = `http://${GATEWAY}:5000/root.xml`;

export interface Entry {
  readonly client: string;
  readonly internalPort: number;
  readonly leaseS: number;
  readonly untilMs: number;
}

export class FakeRouter {
  pmp = false;
  pcp = false;
  upnp: '1' | '2' | undefined;
  externalIp = '203.0.113.9';
  /** Grants no more than this. */
  maxLeaseS = 7_200;
  /** Nothing is answered at all. */
  isDead = false;
  /** UPnP error numbers with which the next calls to add a mapping are refused. */
  readonly refusals: number[] = [];
  /** Knows no leases with an end. */
  isPermanentOnly = false;
  /** Says done and does nothing. */
  isLying = false;
  /** Does not know GetSpecificPortMappingEntry. */
  isTaciturn = false;
  latencyMs = 1;
  readonly entries = new Map<number, Entry>();
  /** What came by UDP, first bytes in hex, and the SOAP actions, in order. */
  readonly asked: string[] = [];
  /** Of each PCP MAP request. */
  readonly nonces: string[] = [];
  readonly #clock: Clock;
  readonly #sockets = new Set<(from: SockAddr, datagram: Uint8Array) => void>();
  readonly #listeners = new Set<(from: SockAddr, datagram: Uint8Array) => void>();
  #startedMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.monotonic() - 1_000_000;
  }

  get open(): number {
    return this.#sockets.size + this.#listeners.size;
  }

  readonly openUdp: OpenPortmapSocket = async ({ localIp, receive }) => {
    this.#sockets.add(receive);
    return {
      send: (to, datagram) => this.#hear(localIp, to, datagram.slice(), receive),
      close: async () => void this.#sockets.delete(receive),
    };
  };

  readonly openAnnouncements: OpenPortmapSocket = async ({ receive }) => {
    this.#listeners.add(receive);
    return { send: () => undefined, close: async () => void this.#listeners.delete(receive) };
  };

  readonly fetch: Fetch = async (request, signal) => {
    await this.#clock.sleep(this.latencyMs, signal);
    if (this.isDead || this.upnp === undefined) throw new Error('ECONNREFUSED');
    if (request.url === LOCATION) return { status: 200, body: this.#description() };
    return this.#soap(request);
  };

  /** Everything is forgotten; `tell` announces the start as RFC 6887 has it. */
  restart(tell = true): void {
    this.#startedMs = this.#clock.monotonic();
    this.entries.clear();
    if (!tell) return;
    const data = new Uint8Array(24);
    data.set([2, 0x80]);
    for (const receive of this.#listeners) receive({ ip: GATEWAY, port: 5351 }, data);
  }

  /** Anything, from anybody, to every socket that is open. */
  forge(from: SockAddr, data: Uint8Array): void {
    for (const receive of [...this.#sockets, ...this.#listeners]) receive(from, data);
  }

  /** A mapping of another machine. */
  occupy(port: number): void {
    this.entries.set(port, {
      client: '192.168.1.66',
      internalPort: 1,
      leaseS: 0,
      untilMs: Number.POSITIVE_INFINITY,
    });
  }

  #epochS(): number {
    return Math.floor((this.#clock.monotonic() - this.#startedMs) / 1_000);
  }

  #hear(
    client: string,
    to: SockAddr,
    data: Uint8Array,
    receive: (from: SockAddr, data: Uint8Array) => void,
  ): void {
    if (to.ip !== GATEWAY && !to.ip.startsWith('239.')) return;
    this.asked.push([...data.subarray(0, 2)].map((byte) => byte.toString(16).padStart(2, '0')).join(''));
    const answer = this.isDead ? undefined : to.port === 1_900 ? this.#ssdp() : this.#pxp(client, data);
    if (answer !== undefined)
      this.#clock.after(this.latencyMs, () => {
        if (this.#sockets.has(receive)) receive({ ip: GATEWAY, port: to.port }, answer);
      });
  }

  #ssdp(): Uint8Array | undefined {
    if (this.upnp === undefined) return undefined;
    return new TextEncoder().encode(
      `HTTP/1.1 200 OK\r\nLOCATION: ${LOCATION}\r\nUSN: uuid:1::urn:schemas-upnp-org:device:InternetGatewayDevice:${this.upnp}\r\n\r\n`,
    );
  }

  #pxp(client: string, data: Uint8Array): Uint8Array | undefined {
    const view = new DataView(data.buffer);
    const ip = parseIp(this.externalIp) ?? new Uint8Array(4);
    if (data[0] === 0 && this.pmp) {
      const isMap = data[1] === 1;
      const out = new Uint8Array(isMap ? 16 : 12);
      const reply = new DataView(out.buffer);
      out[1] = 0x80 | (data[1] ?? 0);
      reply.setUint32(4, this.#epochS());
      if (!isMap) out.set(ip, 8);
      else {
        const internalPort = view.getUint16(4);
        const lease = this.#lease(client, internalPort, view.getUint16(6), view.getUint32(8));
        reply.setUint16(8, internalPort);
        reply.setUint16(10, lease.port);
        reply.setUint32(12, lease.leaseS);
      }
      return out;
    }
    if (data[0] !== 2 || !this.pcp) return undefined;
    const out = data.slice();
    const reply = new DataView(out.buffer);
    out[1] = 0x80 | (data[1] ?? 0);
    out.set([0, 0], 2);
    reply.setUint32(8, this.#epochS());
    if (data.length < 60) return out;
    this.nonces.push([...data.subarray(24, 36)].join('.'));
    const lease = this.#lease(
      formatIp(data.slice(20, 24)),
      view.getUint16(40),
      view.getUint16(42),
      view.getUint32(4),
    );
    reply.setUint32(4, lease.leaseS);
    reply.setUint16(42, lease.port);
    out.set(to16(ip), 44);
    return out;
  }

  #lease(
    client: string,
    internalPort: number,
    wish: number,
    wantedS: number,
  ): { port: number; leaseS: number } {
    const own = [...this.entries].find(
      ([, one]) => one.client === client && one.internalPort === internalPort,
    );
    if (wantedS === 0) {
      if (own !== undefined) this.entries.delete(own[0]);
      return { port: 0, leaseS: 0 };
    }
    let port = own?.[0] ?? (wish === 0 ? 20_000 : wish);
    while (own === undefined && this.entries.has(port)) port++;
    const leaseS = Math.min(wantedS, this.maxLeaseS);
    this.#put(port, client, internalPort, leaseS);
    return { port, leaseS };
  }

  #put(port: number, client: string, internalPort: number, leaseS: number): void {
    const untilMs = leaseS === 0 ? Number.POSITIVE_INFINITY : this.#clock.monotonic() + leaseS * 1_000;
    this.entries.set(port, { client, internalPort, leaseS, untilMs });
  }

  #description(): string {
    const type = `urn:schemas-upnp-org:service:WANIPConnection:${this.upnp}`;
    return `<root><device><serviceList><service><serviceType>${type}</serviceType><controlURL>/ctl</controlURL></service></serviceList></device></root>`;
  }

  #soap({ headers, body = '' }: LanRequest): LanAnswer {
    const action = /#(\w+)"$/.exec(headers?.['SOAPAction'] ?? '')?.[1] ?? '';
    const arg = (name: string): string => new RegExp(`<${name}>([^<]*)<`).exec(body)?.[1] ?? '';
    const port = Number(arg('NewExternalPort'));
    this.asked.push(action);
    switch (action) {
      case 'AddAnyPortMapping':
      case 'AddPortMapping':
        return this.#add(action, port, arg);
      case 'GetExternalIPAddress':
        return done(action, `<NewExternalIPAddress>${this.externalIp}</NewExternalIPAddress>`);
      case 'GetSpecificPortMappingEntry': {
        if (this.isTaciturn) return refused(401);
        const entry = this.entries.get(port);
        if (entry === undefined) return refused(714);
        const { client, internalPort, leaseS } = entry;
        return done(
          action,
          `<NewInternalPort>${internalPort}</NewInternalPort><NewInternalClient>${client}</NewInternalClient><NewLeaseDuration>${leaseS}</NewLeaseDuration>`,
        );
      }
      case 'DeletePortMapping':
        this.entries.delete(port);
        return done(action, '');
      default:
        return refused(401);
    }
  }

  #add(action: string, wish: number, arg: (name: string) => string): LanAnswer {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return refused(refusal);
    const wantedS = Number(arg('NewLeaseDuration'));
    if (this.isPermanentOnly && wantedS !== 0) return refused(725);
    if (arg('NewProtocol') !== 'UDP' || wish === 0) return refused(402);
    const client = arg('NewInternalClient');
    const other = this.entries.get(wish);
    const isTaken = other !== undefined && other.client !== client;
    if (isTaken && action === 'AddPortMapping') return refused(718);
    const port = isTaken ? wish + 1 : wish;
    if (!this.isLying)
      this.#put(port, client, Number(arg('NewInternalPort')), Math.min(wantedS, this.maxLeaseS));
    return done(action, action === 'AddPortMapping' ? '' : `<NewReservedPort>${port}</NewReservedPort>`);
  }
}

const wrapped = (inside: string): string =>
  `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${inside}</s:Body></s:Envelope>`;

const done = (action: string, values: string): LanAnswer => ({
  status: 200,
  body: wrapped(`<u:${action}Response xmlns:u="x">${values}</u:${action}Response>`),
});

const refused = (code: number): LanAnswer => ({
  status: 500,
  body: wrapped(
    `<s:Fault><faultstring>UPnPError</faultstring><detail><UPnPError><errorCode>${code}</errorCode></UPnPError></detail></s:Fault>`,
  ),
});
