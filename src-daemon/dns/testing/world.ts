/** A resolver with upstreams that answer as a test says, and messages as `dns-packet` reads and writes them. */
import dnsPacket, { type DecodedPacket, type Packet } from 'dns-packet';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { Resolver } from '../resolver/resolver.ts';
import type { ResolverConfig, ResolverDeps, UpstreamSockets } from '../resolver/types.ts';
import type { Hosts } from '../types.ts';

/** What a fake server does with a datagram: each answer goes back as if sent at once. */
export type Behaviour = (query: Uint8Array) => readonly Uint8Array[];

export interface AskedServer {
  readonly ip: string;
  readonly mark: boolean;
  readonly query: Uint8Array;
}

export const hostsOf = (
  names: Readonly<Record<string, readonly string[]>>,
  below: readonly string[] = [],
): Hosts => ({
  addresses: (name) => (Object.hasOwn(names, name) ? names[name] : undefined),
  name: (ip) => Object.entries(names).find(([, ips]) => ips.includes(ip))?.[0],
  answersBelow: (name) => below.includes(name),
});

export const CONFIG: ResolverConfig = {
  hosts: hostsOf({
    'box.net.test': ['100.64.0.7'],
    'six.net.test': ['fd7a:115c:a1e0::7'],
    'both.net.test': ['100.64.0.8', 'fd7a:115c:a1e0::8'],
  }),
  authoritative: ['net.test', '64.100.in-addr.arpa', '0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa'],
  routes: new Map([['corp.test', [{ addr: '10.0.0.53', bootstrap: [] }]]]),
  defaults: [{ addr: '192.0.2.1', bootstrap: [] }],
  acceptsDns: true,
  inside: { routes: ['10.0.0.0/8'], except: [] },
};

export interface World {
  readonly resolver: Resolver;
  readonly clock: FakeClock;
  readonly asked: AskedServer[];
  /** By address; a server without behaviour says nothing. */
  readonly servers: Map<string, Behaviour>;
  readonly failing: (string | undefined)[];
}

export function world(over: Partial<ResolverConfig> = {}, deps: Partial<ResolverDeps> = {}): World {
  const clock = new FakeClock();
  const asked: AskedServer[] = [];
  const servers = new Map<string, Behaviour>();
  const failing: (string | undefined)[] = [];
  let id = 0;
  const sockets: UpstreamSockets = {
    openUdp: async ({ ip }, { mark, receive }) => ({
      send: (query) => {
        asked.push({ ip, mark, query });
        for (const answer of servers.get(ip)?.(query) ?? []) queueMicrotask(() => receive(answer));
      },
      [Symbol.dispose]: () => undefined,
    }),
    connectTcp: () => Promise.reject(new Error('nobody listens on TCP')),
  };
  const resolver = new Resolver({
    clock,
    log: silent,
    sockets,
    randomId: () => ++id,
    resolveHost: async () => [],
    baseNameservers: async () => ['198.51.100.1'],
    forwardFailing: (names) => failing.push(names),
    ...deps,
  });
  resolver.configure({ ...CONFIG, ...over });
  return { resolver, clock, asked, servers, failing };
}

export interface AskOptions {
  readonly id?: number;
  readonly udpSize?: number;
  readonly dnssecOk?: boolean;
}

export function queryFor(name: string, type: string, options: AskOptions = {}): Uint8Array {
  const { id = 4_711, udpSize, dnssecOk = false } = options;
  return dnsPacket.encode({
    type: 'query',
    id,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name, type: type as 'A' }],
    additionals:
      udpSize === undefined
        ? []
        : [
            {
              type: 'OPT',
              name: '.',
              udpPayloadSize: udpSize,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: dnssecOk ? dnsPacket.DNSSEC_OK : 0,
              flag_do: dnssecOk,
              options: [],
            },
          ],
  });
}

export const decoded = (message: Uint8Array | undefined): DecodedPacket & { readonly rcode: string } => {
  if (message === undefined) throw new Error('there is no answer');
  const packet = dnsPacket.decode(Buffer.from(message));
  return { ...packet, rcode: String(Reflect.get(packet, 'rcode')) };
};

/** Answers every question with these records. */
export const answering =
  (answers: Packet['answers'], more: Partial<Packet> & { readonly rcode?: number } = {}): Behaviour =>
  (query) => {
    const { id, questions } = decoded(query);
    return [
      dnsPacket.encode({
        type: 'response',
        flags: dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE | (more.rcode ?? 0),
        ...(id === undefined ? {} : { id }),
        ...(questions === undefined ? {} : { questions }),
        ...(answers === undefined ? {} : { answers }),
        ...(more.authorities === undefined ? {} : { authorities: more.authorities }),
      }),
    ];
  };

export const never: AbortSignal = new AbortController().signal;
