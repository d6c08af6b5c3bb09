/** Each simulated NAT is of the kind it says: a STUN test with three servers, as one classifies a real one (RFC 4787). */
import { describe, expect, test } from 'vitest';
import type { SockAddr } from '#shared/ip/address.ts';
import { seeded } from '../wire.ts';
import { Host, type HostSocket } from './host.ts';
import { NAT_KINDS, type NatBehaviour, type NatKind } from './nat.ts';
import { conditions, Network, Segment } from './network.ts';
import { Router, type UdpRule } from './router.ts';
import { SimClock } from './sim-clock.ts';

const PORT = 41_641;
const WAN = '203.0.113.1';

interface Echo {
  readonly at: SockAddr;
  readonly socket: HostSocket;
  readonly seen: SockAddr[];
}

function world(nat: NatBehaviour, udp: UdpRule = { kind: 'all' }) {
  const clock = new SimClock();
  const network = new Network(clock, seeded(1));
  const core = new Segment('core');
  const router = new Router(network, {
    name: 'r',
    upstream: core,
    uplink: conditions({ delayMs: 5 }),
    wanIp: WAN,
    nat,
    firewall6: NAT_KINDS.firewall,
    udp,
  });
  const inner = (name: string, ip: string): Host => {
    const host = new Host(network, name);
    host.plug({
      name: 'eth0',
      segment: router.lan,
      link: conditions(),
      addresses: [nat.mapping === 'none' ? ip.replace('192.168.1', '198.51.100') : ip],
      routedBy: [router],
      metric: 1,
    });
    return host;
  };
  const hosts = new Map<string, Host>();
  const echo = (ip: string, port: number): Echo => {
    const host = hosts.get(ip) ?? new Host(network, ip);
    if (!hosts.has(ip))
      host.plug({ name: 'eth0', segment: core, link: conditions(), addresses: [ip], metric: 1 });
    hosts.set(ip, host);
    const seen: SockAddr[] = [];
    return { at: { ip, port }, seen, socket: host.bind(4, (from) => seen.push(from), port) };
  };
  return { clock, network, router, inner, echo };
}

/** Mapping and filtering as three servers see them: same address other port, other address. */
function classify(nat: NatBehaviour): { mapping: string; filtering: string } {
  const { clock, inner, echo } = world(nat);
  const got: SockAddr[] = [];
  const socket = inner('a', '192.168.1.2').bind(4, (from) => got.push(from), PORT);
  const servers = [echo('192.0.2.1', 1), echo('192.0.2.1', 2), echo('192.0.2.2', 1)] as const;
  socket.send(servers[0].at, new Uint8Array(1));
  clock.run(100);
  const mapped = servers[0].seen[0] as SockAddr;
  for (const server of servers) server.socket.send(mapped, new Uint8Array(1));
  clock.run(100);
  const heard = (i: 0 | 1 | 2): boolean =>
    got.some(({ ip, port }) => ip === servers[i].at.ip && port === servers[i].at.port);
  const filtering = heard(2) ? 'endpoint' : heard(1) ? 'address' : 'address-and-port';
  for (const server of servers.slice(1)) socket.send(server.at, new Uint8Array(1));
  clock.run(100);
  const portAt = (i: 0 | 1 | 2): number => servers[i].seen[0]?.port ?? 0;
  const mapping =
    portAt(0) === portAt(2) ? 'endpoint' : portAt(0) === portAt(1) ? 'address' : 'address-and-port';
  return { mapping, filtering };
}

describe('kinds', () => {
  test.each([
    ['full-cone', 'endpoint', 'endpoint'],
    ['address-restricted', 'endpoint', 'address'],
    ['port-restricted', 'endpoint', 'address-and-port'],
    ['symmetric', 'address-and-port', 'address-and-port'],
    ['symmetric-sequential', 'address-and-port', 'address-and-port'],
    ['symmetric-per-address', 'address', 'address'],
    ['firewall', 'endpoint', 'address-and-port'],
    ['open', 'endpoint', 'endpoint'],
  ] as const satisfies readonly (readonly [NatKind, string, string])[])(
    '%s maps by %s and filters by %s',
    (kind, mapping, filtering) => {
      expect(classify(NAT_KINDS[kind])).toEqual({ mapping, filtering });
    },
  );

  test('every combination is what it was asked to be', () => {
    for (const mapping of ['endpoint', 'address', 'address-and-port'] as const)
      for (const filtering of ['endpoint', 'address', 'address-and-port'] as const)
        for (const ports of ['preserving', 'sequential', 'random'] as const) {
          const seen = classify({ ...NAT_KINDS['full-cone'], mapping, filtering, ports });
          expect(seen).toEqual({ mapping, filtering });
        }
  });
});

/** External port of one datagram from `port` of `host`. */
function portSeen({ clock, echo }: ReturnType<typeof world>, socket: HostSocket, server: string): number {
  const { at, seen } = echo(server, 7);
  socket.send(at, new Uint8Array(1));
  clock.run(100);
  return seen[0]?.port ?? 0;
}

describe('ports', () => {
  test('are kept where they are free, and another one is taken where not', () => {
    const w = world(NAT_KINDS['port-restricted']);
    const first = w.inner('a', '192.168.1.2').bind(4, () => undefined, PORT);
    const second = w.inner('b', '192.168.1.3').bind(4, () => undefined, PORT);
    expect(portSeen(w, first, '192.0.2.1')).toBe(PORT);
    const other = portSeen(w, second, '192.0.2.2');
    expect(other).not.toBe(PORT);
    expect(portSeen(w, second, '192.0.2.3')).toBe(other);
  });

  test('follow each other in a sequential NAT', () => {
    const w = world(NAT_KINDS['symmetric-sequential']);
    const socket = w.inner('a', '192.168.1.2').bind(4, () => undefined, PORT);
    const first = portSeen(w, socket, '192.0.2.1');
    expect(portSeen(w, socket, '192.0.2.2')).toBe(first + 1);
    expect(portSeen(w, socket, '192.0.2.3')).toBe(first + 2);
  });

  test('of a forward lead in without a word from inside', () => {
    const w = world(NAT_KINDS.symmetric);
    const got: SockAddr[] = [];
    w.inner('a', '192.168.1.2').bind(4, (from) => got.push(from), PORT);
    w.router.nat.forwards.set(PORT, { ip: '192.168.1.2', port: PORT });
    w.echo('192.0.2.1', 9).socket.send({ ip: WAN, port: PORT }, new Uint8Array(1));
    w.clock.run(100);
    expect(got).toEqual([{ ip: '192.0.2.1', port: 9 }]);
  });
});

describe('time', () => {
  test.each([
    { name: 'an unanswered mapping', answer: false, lives: 30_000 },
    { name: 'an answered one', answer: true, lives: 120_000 },
  ])('$name dies when its time is over', ({ answer, lives }) => {
    const w = world(NAT_KINDS['port-restricted']);
    const got: SockAddr[] = [];
    const socket = w.inner('a', '192.168.1.2').bind(4, (from) => got.push(from), PORT);
    const server = w.echo('192.0.2.1', 9);
    socket.send(server.at, new Uint8Array(1));
    w.clock.run(20);
    if (answer) server.socket.send({ ip: WAN, port: PORT }, new Uint8Array(1));
    w.clock.run(20);
    const before = got.length;
    w.clock.run(lives - 50);
    server.socket.send({ ip: WAN, port: PORT }, new Uint8Array(1));
    w.clock.run(20);
    expect(got.length).toBe(before + 1);
    w.clock.run(120_100);
    server.socket.send({ ip: WAN, port: PORT }, new Uint8Array(1));
    w.clock.run(20);
    expect(got.length).toBe(before + 1);
  });

  test('rebinding gives the same socket another port', () => {
    const w = world(NAT_KINDS['port-restricted']);
    const socket = w.inner('a', '192.168.1.2').bind(4, () => undefined, PORT);
    expect(portSeen(w, socket, '192.0.2.1')).toBe(PORT);
    w.router.nat.rebind(true);
    expect(portSeen(w, socket, '192.0.2.2')).not.toBe(PORT);
  });

  test('a full table takes in no more, until something in it dies', () => {
    const w = world({ ...NAT_KINDS.symmetric, maxMappings: 2 });
    const socket = w.inner('a', '192.168.1.2').bind(4, () => undefined, PORT);
    for (const ip of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) portSeen(w, socket, ip);
    expect(w.router.nat.size).toBe(2);
    expect(w.network.tally.get('drop.nat-full')).toBe(1);
    w.clock.run(31_000);
    expect(portSeen(w, socket, '192.0.2.4')).toBeGreaterThan(0);
  });
});

describe('hairpin', () => {
  test.each([
    { hairpin: 'no' as const, from: undefined },
    { hairpin: 'external-source' as const, from: WAN },
    { hairpin: 'internal-source' as const, from: '192.168.1.2' },
  ])('$hairpin', ({ hairpin, from }) => {
    const w = world({ ...NAT_KINDS['full-cone'], hairpin });
    const got: SockAddr[] = [];
    const a = w.inner('a', '192.168.1.2').bind(4, () => undefined, 1_000);
    const b = w.inner('b', '192.168.1.3').bind(4, (source) => got.push(source), 2_000);
    const port = portSeen(w, b, '192.0.2.1');
    a.send({ ip: WAN, port }, new Uint8Array(1));
    w.clock.run(100);
    expect(got[0]?.ip).toBe(from);
  });
});

describe('rules', () => {
  test.each([
    { name: 'all blocked', udp: { kind: 'none' } as const, passes: [false, false] },
    { name: 'only 443', udp: { kind: 'only', ports: [443] } as const, passes: [true, false] },
    { name: 'all but STUN', udp: { kind: 'but', ports: [3_478] } as const, passes: [true, false] },
  ])('$name', ({ udp, passes }) => {
    const w = world(NAT_KINDS['full-cone'], udp);
    const socket = w.inner('a', '192.168.1.2').bind(4, () => undefined);
    const heard = [443, 3_478].map((port) => {
      const { at, seen } = w.echo('192.0.2.1', port);
      socket.send(at, new Uint8Array(1));
      w.clock.run(100);
      return seen.length === 1;
    });
    expect(heard).toEqual(passes);
  });
});
