/** Random networks, policies and changes, and a small server that follows them: for property tests of the live policy. */
import fc from 'fast-check';
import { assert } from 'vitest';
import { parsePrefix } from '#shared/ip/address.ts';
import type { WireRule } from '../compile/filter.ts';
import type { PolicyNetwork, PolicyNode, PolicyUser } from '../compile/network.ts';
import { peerCapMapOf } from '../compile/node-attrs.ts';
import type { PolicyAst } from '../language/ast.ts';
import { Core } from '../live/core.ts';
import { Gathered } from '../live/gathered.ts';
import { Slots } from '../live/slots.ts';
import { checkText } from '../offline/compile-offline.ts';
import { cidrOf } from '../sets/ranges.ts';

export const SERVER_URL = 'https://vpn.corp.test';
export const IDS = [1, 2, 3, 4, 5, 6, 7, 8];
const ROUTES = ['10.1.0.0/16', '10.1.5.0/24', '192.168.7.0/24', '0.0.0.0/0', '::/0', 'fd12::/48'];

const cidr = (text: string) => {
  const prefix = parsePrefix(text);
  assert(prefix !== undefined);
  return cidrOf(prefix);
};

export function astOf(policy: object): PolicyAst {
  const { ast, report } = checkText(JSON.stringify({ ...TABLES, ...policy }));
  assert(ast !== undefined, JSON.stringify(report.all));
  return ast;
}

const TABLES = {
  groups: { 'group:ops': ['ada@corp.test', 'ben@corp.test'], 'group:one': ['eve@'] },
  hosts: { lan: '10.1.0.0/16', printer: '10.1.5.9', first: '100.64.0.1' },
  tagOwners: { 'tag:web': [], 'tag:db': [], 'tag:exit': ['group:ops'] },
  ipsets: { 'ipset:some': ['add 10.0.0.0/8', 'remove 10.1.5.0/24'] },
  postures: { 'posture:linux': ["node:os == 'linux'"] },
};

const PEOPLE = ['ada@corp.test', 'ben@corp.test', 'eve@', 'group:ops', 'group:one', 'autogroup:admin'];
const TAGS = ['tag:web', 'tag:db', 'tag:exit'];
const one = (words: readonly string[]) => fc.constantFrom(...words);
const some = (words: readonly string[]) => fc.uniqueArray(one(words), { minLength: 1, maxLength: 3 });
const sources = some([
  ...PEOPLE,
  ...TAGS,
  '*',
  'autogroup:member',
  'autogroup:tagged',
  'lan',
  'ipset:some',
  '100.64.0.0/30',
  'autogroup:danger-all',
]);
const targets = [
  ...PEOPLE,
  ...TAGS,
  '*',
  'autogroup:member',
  'lan',
  'printer',
  'first',
  'ipset:some',
  '100.64.0.0/29',
];
const posture = fc.option(fc.constant(['posture:linux']), { nil: undefined, freq: 4 });

const acl = fc.record(
  {
    action: fc.constant('accept'),
    src: sources,
    dst: some([...targets, 'autogroup:internet'].map((text) => `${text}:22`)),
    srcPosture: posture,
  },
  { requiredKeys: ['action', 'src', 'dst'] },
);
const selfAcl = fc.record({
  action: fc.constant('accept'),
  src: some(['autogroup:member', 'group:ops', 'ada@corp.test']),
  dst: fc.constant(['autogroup:self:*']),
});
const capGrant = fc.record({
  src: sources,
  dst: some(targets),
  app: one(['corp.test/cap/x', 'tailscale.com/cap/drive']).map((name) => ({ [name]: [{ a: 1 }] })),
});
const viaGrant = fc.record({
  src: sources,
  dst: some(['autogroup:internet', 'lan', 'printer']),
  ip: fc.constant(['*']),
  via: fc.constant(['tag:exit']),
});
const sshRule = fc.record(
  {
    action: one(['accept', 'check']),
    src: some(['group:ops', 'autogroup:member', 'ada@corp.test', 'autogroup:admin']),
    dst: some(['tag:web', 'autogroup:self', 'autogroup:tagged']),
    users: some(['root', 'autogroup:nonroot', 'localpart:*@corp.test']),
    srcPosture: posture,
    recorder: fc.constant(['tag:db']),
    enforceRecorder: fc.boolean(),
  },
  { requiredKeys: ['action', 'src', 'dst', 'users'] },
);
const attribute = fc.record({
  target: some([...PEOPLE, ...TAGS, '*', 'autogroup:member']),
  attr: some(['disable-ipv4', 'magicdns-aaaa', 'suggest-exit-node', 'dns-subdomain-resolve']),
});
const apps = fc.record({
  target: some([...TAGS, '*', 'autogroup:member']),
  app: some(['tag:web', 'tag:exit', '*']).map((connectors) => ({
    'tailscale.com/app-connectors': [{ name: 'app', connectors, domains: ['app.test'] }],
  })),
});

const policy = fc.record(
  {
    acls: fc.array(fc.oneof(acl, acl, selfAcl), { maxLength: 4 }),
    grants: fc.array(fc.oneof(capGrant, viaGrant), { maxLength: 2 }),
    ssh: fc.array(sshRule, { maxLength: 2 }),
    nodeAttrs: fc.array(fc.oneof(attribute, attribute, apps), { maxLength: 2 }),
    disableIPv4: fc.boolean(),
  },
  { requiredKeys: [] },
);

/** A router where there are routes, all of them approved. */
export const plainNode = (id: number, routes: readonly string[] = []): PolicyNode => ({
  ...{ id, name: `n${id}`, hostname: `n${id}`, userId: 1, tags: [] },
  ...{ ipv4: 0x64_40_00_00 + id, ipv6: (0xfd7a115ca1e0n << 80n) + BigInt(id) },
  ...{ announced: routes.map(cidr), approved: routes.map(cidr) },
  ...{ isOnline: true, isHealthy: true, offersApps: false, attributes: new Map() },
});

const node = (id: number) =>
  fc
    .record({
      owner: one(['1', '2', '3', 'tag:web', 'tag:db', 'tag:exit']),
      second: fc.boolean(),
      routes: fc.uniqueArray(one(ROUTES), { maxLength: 3 }),
      approved: fc.uniqueArray(one(ROUTES), { maxLength: 4 }),
      os: one(['linux', 'windows']),
      isOnline: fc.boolean(),
      offersApps: fc.boolean(),
    })
    .map(({ owner, second, routes, approved, os, isOnline, offersApps }): PolicyNode => {
      const isTagged = owner.startsWith('tag:');
      return {
        id,
        name: `n${id}`,
        hostname: `n${id}`,
        userId: isTagged ? undefined : Number(owner),
        tags: isTagged ? [...new Set(second ? [owner, 'tag:web'] : [owner])].sort() : [],
        // Neighbours, so that ranges join and part.
        ipv4: 0x64_40_00_00 + id,
        ipv6: (0xfd7a115ca1e0n << 80n) + BigInt(id),
        announced: routes.map(cidr),
        approved: approved.map(cidr),
        isOnline,
        isHealthy: true,
        offersApps,
        attributes: new Map([['node:os', os]]),
      };
    });

const users = fc
  .record({
    email: one(['ada@corp.test', 'other@corp.test']),
    role: one(['admin', 'member']),
    eve: one(['eve', 'ada@corp.test']),
  })
  .map(({ email, role, eve }): readonly PolicyUser[] => [
    { id: 1, name: 'ada', email, providerId: '', roles: ['member'], providerGroups: [] },
    { id: 2, name: 'ben', email: 'ben@corp.test', providerId: '', roles: [role], providerGroups: [] },
    { id: 3, name: eve, email: '', providerId: '', roles: ['member'], providerGroups: [] },
  ]);

type Step =
  | { readonly kind: 'node'; readonly node: PolicyNode }
  | { readonly kind: 'gone'; readonly id: number }
  | { readonly kind: 'users'; readonly users: readonly PolicyUser[] }
  | { readonly kind: 'policy'; readonly policy: object }
  /** Heard of only together. */
  | {
      readonly kind: 'both';
      readonly nodes: readonly PolicyNode[];
      readonly gone: number;
      readonly policy: object;
    }
  | { readonly kind: 'primaries'; readonly ids: readonly number[] };

const anyId = fc.constantFrom(...IDS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: anyId.chain(node).map((one): Step => ({ kind: 'node', node: one })) },
  { weight: 2, arbitrary: anyId.map((id): Step => ({ kind: 'gone', id })) },
  { weight: 1, arbitrary: users.map((all): Step => ({ kind: 'users', users: all })) },
  { weight: 1, arbitrary: policy.map((text): Step => ({ kind: 'policy', policy: text })) },
  {
    weight: 1,
    arbitrary: fc
      .record({ nodes: fc.array(anyId.chain(node), { minLength: 1, maxLength: 3 }), gone: anyId, policy })
      .map((all): Step => ({ kind: 'both', ...all })),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(anyId, { minLength: 4, maxLength: 4 })
      .map((ids): Step => ({ kind: 'primaries', ids })),
  },
);

export interface Told {
  readonly peers: readonly number[];
  readonly filter: readonly WireRule[];
  readonly ssh: unknown;
  readonly caps: unknown;
  readonly routes: Readonly<Record<number, readonly string[]>>;
  /** Capabilities of peers that are told to others. */
  readonly shown: Readonly<Record<number, unknown>>;
}

/** A server without machines of its own: the facts, and the core that follows them. */
export class World {
  ast: PolicyAst;
  users: readonly PolicyUser[];
  primaries: ReadonlyMap<string, number> = new Map();
  readonly nodes = new Map<number, PolicyNode>();
  readonly out = new Gathered();
  core: Core;

  constructor(ast: PolicyAst, people: readonly PolicyUser[], nodes: readonly PolicyNode[]) {
    this.ast = ast;
    this.users = people;
    for (const one of nodes) this.nodes.set(one.id, one);
    this.core = this.fresh();
  }

  get network(): PolicyNetwork {
    return { users: this.users, nodes: [...this.nodes.values()].sort((a, b) => a.id - b.id) };
  }

  fresh(): Core {
    const { ast, network, primaries } = this;
    return new Core({ ast, network, slots: new Slots(IDS), serverUrl: SERVER_URL, primaries });
  }

  rebuild(): void {
    const before = this.core;
    this.core = this.fresh();
    this.core.adopt(before, this.out);
  }

  run(taken: Step): void {
    switch (taken.kind) {
      case 'node':
        this.nodes.set(taken.node.id, taken.node);
        assert(this.core.replace(taken.node.id, taken.node, this.out));
        return;
      case 'gone':
        this.nodes.delete(taken.id);
        assert(this.core.replace(taken.id, undefined, this.out));
        return;
      case 'users':
        this.users = taken.users;
        assert(this.core.setUsers(taken.users, this.out));
        return;
      case 'policy':
        this.ast = astOf(taken.policy);
        this.rebuild();
        return;
      case 'both':
        this.ast = astOf(taken.policy);
        this.nodes.delete(taken.gone);
        for (const one of taken.nodes) this.nodes.set(one.id, one);
        this.rebuild();
        return;
      case 'primaries':
        this.primaries = new Map(taken.ids.map((id, i) => [ROUTES[i] as string, id] as const));
        this.core.setPrimaries(this.primaries, this.out);
        return;
      default:
        taken satisfies never;
    }
  }

  told(core: Core, id: number): Told {
    const peers = core.peersOf(id);
    return {
      peers,
      filter: core.filterOf(id),
      ssh: core.sshOf(id),
      caps: core.capMapOf(id),
      routes: Object.fromEntries(peers.map((peer) => [peer, core.routesOf(id, peer).allowedIps])),
      shown: Object.fromEntries(
        peers.map((peer) => {
          const machine = core.machine(peer);
          return [peer, machine === undefined ? {} : peerCapMapOf(core.capMapOf(peer), machine)];
        }),
      ),
    };
  }

  toldAll(core: Core): Map<number, Told> {
    return new Map(IDS.map((id) => [id, this.told(core, id)]));
  }
}

export const story = fc.record({
  policy,
  users,
  nodes: fc.tuple(...IDS.slice(0, 6).map(node)),
  steps: fc.array(step, { minLength: 1, maxLength: 8 }),
});
