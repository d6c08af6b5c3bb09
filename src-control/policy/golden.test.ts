/** The worked examples of filters and visibility (policy.md §17, §10.5). */
import { describe, expect, test } from 'vitest';
import {
  ADA,
  BEN,
  compiled,
  EXIT2,
  filter,
  INTERNET_ALL,
  MEMBERS,
  machine,
  NODES,
  network,
  peers,
  TAILNET_STRINGS,
  WEB,
} from './testing/golden.ts';

const acl = (src: string[], dst: string[], more: object = {}): object => ({
  action: 'accept',
  src,
  dst,
  ...more,
});
const all = Object.keys(NODES);

interface Example {
  readonly name: string;
  readonly policy: object;
  readonly filters: Readonly<Record<string, readonly object[]>>;
  readonly peers?: string;
  readonly nodes?: typeof NODES;
}

const db = (port: string): string[] => [`100.64.0.40:${port}`, `[fd7a:115c:a1e0::28]:${port}`];
const { exit1: _, ...withoutExit } = NODES;
const rtr3 = {
  tags: ['tag:router'],
  ipv4: '100.64.0.60',
  ipv6: 'fd7a:115c:a1e0::3c',
  routable_ips: ['172.30.0.0/16'],
  approved_routes: ['172.30.0.0/16'],
};

const EXAMPLES: readonly Example[] = [
  {
    name: 'G1: no rules sections allow everything',
    policy: {},
    filters: Object.fromEntries(all.map((name) => [name, [{ src: ['*'], dst: ['*:*'] }]])),
    peers: all.map((name) => `${name}→${all.filter((other) => other !== name).join()}`).join('; '),
  },
  {
    name: 'G2: an empty section denies everything',
    policy: { acls: [] },
    filters: Object.fromEntries(all.map((name) => [name, []])),
    peers: '',
  },
  {
    name: 'G3: role groups to a tag',
    policy: { acls: [acl(['autogroup:member'], ['tag:web:80,443'])] },
    filters: {
      'ada-laptop': [],
      web1: [
        {
          src: MEMBERS,
          dst: ['100.64.0.30:80', '100.64.0.30:443', '[fd7a:115c:a1e0::1e]:80', '[fd7a:115c:a1e0::1e]:443'],
        },
      ],
      db1: [],
    },
    peers:
      'ada-laptop→web1,web2; ada-phone→web1,web2; ben-desktop→web1,web2; web1→ada-laptop,ada-phone,ben-desktop; web2→ada-laptop,ada-phone,ben-desktop',
  },
  {
    name: 'G4: rules merge by sources and protocol',
    policy: {
      acls: [
        acl(['group:ops'], ['tag:web:443']),
        acl(['group:ops'], ['tag:db:5432']),
        acl(['group:ops'], ['tag:web:443'], { proto: 'udp' }),
        acl(['group:ops'], ['web-one:22']),
      ],
    },
    filters: {
      web1: [
        { src: MEMBERS, dst: ['100.64.0.30:443', '[fd7a:115c:a1e0::1e]:443', '100.64.0.30:22'] },
        { src: MEMBERS, dst: ['100.64.0.30:443', '[fd7a:115c:a1e0::1e]:443'], proto: [17] },
      ],
      db1: [{ src: MEMBERS, dst: db('5432') }],
    },
  },
  {
    name: 'G5: a wildcard source has the approved subnets after it',
    policy: { acls: [acl(['*'], ['tag:db:5432'])] },
    filters: { db1: [{ src: [...TAILNET_STRINGS, '10.20.0.0/16'], dst: db('5432') }], rtr1: [] },
    peers:
      'ada-laptop→db1; ada-phone→db1; ben-desktop→db1; web1→db1; web2→db1; db1→ada-laptop,ada-phone,ben-desktop,web1,web2,rtr1,rtr2,exit1; rtr1→db1; rtr2→db1; exit1→db1',
  },
  {
    name: 'G5b: explicit sources stay visible beside a wildcard',
    policy: { acls: [acl(['*', 'tag:web'], ['tag:db:5432'])] },
    filters: { db1: [{ src: [...TAILNET_STRINGS, '10.20.0.0/16', ...WEB], dst: db('5432') }] },
  },
  {
    name: 'G5c: danger-all is everybody',
    policy: { acls: [acl(['autogroup:danger-all'], ['tag:web:80'])] },
    filters: { web1: [{ src: ['*'], dst: ['100.64.0.30:80', '[fd7a:115c:a1e0::1e]:80'] }] },
  },
  {
    name: 'G6: destinations behind subnet routers',
    policy: { acls: [acl(['ada@corp.test'], ['printer:631', '10.0.0.0/8:22', '192.168.77.0/24:443'])] },
    filters: {
      web1: [],
      rtr1: [{ src: ADA, dst: ['10.20.5.9:631', '10.0.0.0/8:22'] }],
      rtr2: [{ src: ADA, dst: ['10.20.5.9:631', '10.0.0.0/8:22'] }],
      exit1: [],
    },
    peers: 'ada-laptop→rtr1,rtr2; ada-phone→rtr1,rtr2; rtr1→ada-laptop,ada-phone; rtr2→ada-laptop,ada-phone',
  },
  {
    name: 'G7: autogroup:self is per owner',
    policy: { acls: [acl(['autogroup:member'], ['autogroup:self:*'])] },
    filters: {
      'ada-laptop': [{ src: ADA, dst: ['100.64.0.10:*', '[fd7a:115c:a1e0::a]:*'] }],
      'ada-phone': [{ src: ADA, dst: ['100.64.0.12:*', '[fd7a:115c:a1e0::c]:*'] }],
      'ben-desktop': [{ src: BEN, dst: ['100.64.0.20:*', '[fd7a:115c:a1e0::14]:*'] }],
      web1: [],
    },
    peers: 'ada-laptop→ada-phone; ada-phone→ada-laptop',
  },
  {
    name: 'G7b: autogroup:self together with another destination',
    policy: { acls: [acl(['group:ops'], ['autogroup:self:*', 'tag:web:443'])] },
    filters: {
      'ada-laptop': [{ src: ADA, dst: ['100.64.0.10:*', '[fd7a:115c:a1e0::a]:*'] }],
      web1: [{ src: MEMBERS, dst: ['100.64.0.30:443', '[fd7a:115c:a1e0::1e]:443'] }],
    },
    peers:
      'ada-laptop→ada-phone,web1,web2; ada-phone→ada-laptop,web1,web2; ben-desktop→web1,web2; web1→ada-laptop,ada-phone,ben-desktop; web2→ada-laptop,ada-phone,ben-desktop',
  },
  {
    name: 'G8: the internet through an exit node',
    policy: { acls: [acl(['ben@corp.test'], ['autogroup:internet:*'])] },
    filters: { 'ben-desktop': [], rtr1: [], exit1: [{ src: BEN, dst: INTERNET_ALL }] },
    peers: 'ben-desktop→exit1; exit1→ben-desktop',
  },
  {
    name: 'G9: a capability and its companion',
    policy: {
      grants: [
        {
          src: ['group:ops'],
          dst: ['tag:db'],
          app: { 'tailscale.com/cap/drive': [{ shares: ['*'], access: 'rw' }] },
        },
      ],
    },
    filters: {
      'ada-laptop': [
        {
          src: ['100.64.0.40', 'fd7a:115c:a1e0::28'],
          caps: [
            {
              dsts: ['100.64.0.10/32', 'fd7a:115c:a1e0::a/128'],
              map: { 'tailscale.com/cap/drive-sharer': null },
            },
          ],
        },
      ],
      web1: [],
      db1: [
        {
          src: MEMBERS,
          caps: [
            {
              dsts: ['100.64.0.40/32', 'fd7a:115c:a1e0::28/128'],
              map: { 'tailscale.com/cap/drive': [{ shares: ['*'], access: 'rw' }] },
            },
          ],
        },
      ],
    },
    peers: 'ada-laptop→db1; ada-phone→db1; ben-desktop→db1; db1→ada-laptop,ada-phone,ben-desktop',
  },
  {
    name: 'G10: via an exit node',
    nodes: { ...NODES, ...EXIT2 },
    policy: {
      grants: [{ src: ['ada@corp.test'], dst: ['autogroup:internet'], via: ['tag:exit-eu'], ip: ['*'] }],
    },
    filters: { exit1: [], exit2: [{ src: ADA, dst: INTERNET_ALL }] },
    peers: 'ada-laptop→exit2; ada-phone→exit2; exit2→ada-laptop,ada-phone',
  },
  {
    name: 'G11: via a subnet router',
    nodes: { ...NODES, rtr2: { ...(NODES['rtr2'] as typeof rtr3), tags: ['tag:router-b'] } },
    policy: {
      grants: [{ src: ['ada@corp.test'], dst: ['10.20.5.0/24'], via: ['tag:router-b'], ip: ['tcp:443'] }],
    },
    filters: { rtr1: [], rtr2: [{ src: ADA, dst: ['10.20.5.0/24:443'], proto: [6] }] },
    peers: 'ada-laptop→rtr2; ada-phone→rtr2; rtr2→ada-laptop,ada-phone',
  },
  {
    name: 'G12: site to site',
    nodes: { ...withoutExit, rtr3 },
    policy: { acls: [acl(['10.20.0.0/16'], ['172.30.0.0/16:*'])] },
    filters: { web1: [], rtr1: [], rtr2: [], rtr3: [{ src: ['10.20.0.0/16'], dst: ['172.30.0.0/16:*'] }] },
    peers: 'rtr1→rtr3; rtr2→rtr3; rtr3→rtr1,rtr2',
  },
  {
    name: 'G13: everything to everything, written as a rule',
    policy: { acls: [acl(['*'], ['*:*'])] },
    filters: {
      web1: [{ src: [...TAILNET_STRINGS, '10.20.0.0/16'], dst: ['*:*'] }],
      exit1: [{ src: [...TAILNET_STRINGS, '10.20.0.0/16'], dst: ['*:*'] }],
    },
  },
  {
    name: 'G14: a grant with several ip entries, and one from nobody',
    policy: {
      grants: [
        { src: ['tag:web'], dst: ['tag:db'], ip: ['tcp:5432', 'udp:5353', 'icmp:*'] },
        { src: ['group:none'], dst: ['tag:db'], app: { 'corp.test/cap/admin': [{ level: 2 }] } },
      ],
    },
    filters: {
      db1: [
        { src: WEB, dst: db('5432'), proto: [6] },
        { src: WEB, dst: db('5353'), proto: [17] },
        { src: WEB, dst: db('*'), proto: [1] },
        {
          src: [],
          caps: [
            {
              dsts: ['100.64.0.40/32', 'fd7a:115c:a1e0::28/128'],
              map: { 'corp.test/cap/admin': [{ level: 2 }] },
            },
          ],
        },
      ],
    },
    peers: 'web1→db1; web2→db1; db1→web1,web2',
  },
  {
    name: 'G15: capabilities towards a subnet and towards everything',
    policy: {
      grants: [
        { src: ['ada@corp.test'], dst: ['10.20.0.0/16'], app: { 'corp.test/cap/ops': [{ w: true }] } },
        { src: ['ben@corp.test'], dst: ['*'], app: { 'corp.test/cap/read': [] } },
      ],
    },
    filters: {
      web1: [
        {
          src: BEN,
          caps: [{ dsts: ['100.64.0.30/32', 'fd7a:115c:a1e0::1e/128'], map: { 'corp.test/cap/read': [] } }],
        },
      ],
      rtr1: [
        { src: ADA, caps: [{ dsts: ['10.20.0.0/16'], map: { 'corp.test/cap/ops': [{ w: true }] } }] },
        {
          src: BEN,
          caps: [{ dsts: ['100.64.0.50/32', 'fd7a:115c:a1e0::32/128'], map: { 'corp.test/cap/read': [] } }],
        },
      ],
    },
  },
  {
    name: 'G16: grants before acls, literals in one family',
    policy: {
      acls: [acl(['ben@corp.test'], ['[fd7a:115c:a1e0::1e]:8080', '100.64.0.30:8000-8999'])],
      grants: [{ src: ['ben@corp.test'], dst: ['tag:web'], ip: ['22'] }],
    },
    filters: {
      web1: [
        {
          src: BEN,
          dst: [
            '100.64.0.30:22',
            '[fd7a:115c:a1e0::1e]:22',
            '[fd7a:115c:a1e0::1e]:8080',
            '100.64.0.30:8000-8999',
          ],
        },
      ],
      web2: [{ src: BEN, dst: ['100.64.0.32:22', '[fd7a:115c:a1e0::20]:22'] }],
    },
    peers: 'ben-desktop→web1,web2; web1→ben-desktop; web2→ben-desktop',
  },
  {
    name: 'G17: an IP set',
    policy: {
      ipsets: { 'ipset:plant': ['add 10.20.0.0/16', 'remove 10.20.128.0/17'] },
      acls: [acl(['ben@corp.test'], ['ipset:plant:502'], { proto: 'tcp' })],
    },
    filters: {
      rtr1: [{ src: BEN, dst: ['10.20.0.0/17:502'], proto: [6] }],
      rtr2: [{ src: BEN, dst: ['10.20.0.0/17:502'], proto: [6] }],
      exit1: [],
    },
    peers: 'ben-desktop→rtr1,rtr2; rtr1→ben-desktop; rtr2→ben-desktop',
  },
  {
    name: 'G18: a posture',
    policy: {
      postures: { 'posture:desktop': ["node:os IN ['macos','windows','linux']"] },
      acls: [acl(['group:ops'], ['tag:db:5432'], { srcPosture: ['posture:desktop'] })],
    },
    filters: {
      db1: [
        {
          src: ['100.64.0.10', '100.64.0.20', 'fd7a:115c:a1e0::a', 'fd7a:115c:a1e0::14'],
          dst: db('5432'),
        },
      ],
    },
    peers: 'ada-laptop→db1; ben-desktop→db1; db1→ada-laptop,ben-desktop',
  },
];

describe.each(EXAMPLES)('$name', (example) => {
  const policy = compiled(example.policy, network(example.nodes));
  test.each(Object.entries(example.filters))('filter of %s', (name, rules) =>
    expect(filter(policy, name)).toEqual(rules),
  );
  const { peers: expected } = example;
  if (expected !== undefined) test('peers', () => expect(peers(policy)).toBe(expected));
});

describe('routes in AllowedIPs', () => {
  test.each([
    ['G6', 'ada-laptop', 'rtr1', ['10.20.0.0/16']],
    ['G6', 'ada-laptop', 'rtr2', []],
    ['G5', 'db1', 'rtr1', ['10.20.0.0/16']],
    ['G5', 'db1', 'exit1', ['0.0.0.0/0', '::/0']],
    ['G8', 'ben-desktop', 'exit1', ['0.0.0.0/0', '::/0']],
    ['G10', 'ada-laptop', 'exit2', ['0.0.0.0/0', '::/0']],
    ['G11', 'ada-laptop', 'rtr2', ['10.20.0.0/16']],
    ['G11', 'ada-laptop', 'rtr1', []],
    ['G12', 'rtr1', 'rtr3', ['172.30.0.0/16']],
    ['G12', 'rtr3', 'rtr1', ['10.20.0.0/16']],
    ['G12', 'rtr3', 'rtr2', []],
  ])('%s: %s has of %s %j', (name, viewer, peer, routes) => {
    const example = EXAMPLES.find((one) => one.name.startsWith(`${name}:`));
    const policy = compiled(example?.policy ?? {}, network(example?.nodes));
    const peerMachine = machine(policy, peer);
    const allowed = policy.allowedIps(machine(policy, viewer), peerMachine);
    expect(allowed.slice(peerMachine.addrs.length)).toEqual(routes);
  });
});
