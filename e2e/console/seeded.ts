/** A server with a network that looks like a real one, and a browser in which somebody is signed in. */
import { randomBytes } from 'node:crypto';
import type { DiscoKey, MachineKey, NodeKey } from '#shared/key/key.ts';
import { systemClock } from '#shared/node/clock.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import type { Network } from '../../src-control/state/network.ts';
import { beginSession } from '../../src-control/state/sessions.ts';
import type { NodeRecord, Role } from '../../src-control/store/records.ts';
import { type Loopback, loopback } from '../../src-control/testing/loopback.ts';
import { openTab, type Tab } from '../sign-in/chromium.ts';

const DAY = 86_400_000;
const clock = systemClock();

export interface Seeded extends AsyncDisposable {
  readonly lab: Loopback;
  /** A browser of its own, signed in as the user, at the path below /admin. */
  open(user: string, path: string, scheme?: 'light' | 'dark'): Promise<Tab>;
}

const PEOPLE: readonly (readonly [string, string, Role])[] = [
  ['alice', 'Alice Ahrens', 'owner'],
  ['bob', 'Bob Brandt', 'member'],
  ['carla', 'Carla Conti', 'network-admin'],
  ['dmitri', 'Dmitri Danilov', 'auditor'],
  ['emi', 'Emi Endo', 'member'],
];

const SYSTEMS: readonly (readonly [string, string])[] = [
  ['linux', 'Debian 13'],
  ['macOS', '15.5'],
  ['windows', '11 24H2'],
  ['iOS', '18.4'],
  ['android', '16'],
];
const NAMES = ['laptop', 'phone', 'desktop', 'tablet', 'nas', 'build', 'db', 'web', 'router', 'printer'];

const POLICY = `// Who reaches what in our network.
{
  "groups": {
    "group:dev": ["alice@", "bob@"],
    "group:ops": ["carla@"],
  },
  "tagOwners": {
    "tag:prod": ["group:ops"],
    "tag:server": ["group:ops"],
    "tag:ci": ["group:dev"],
  },
  "acls": [
    // Everybody reaches their own machines.
    { "action": "accept", "src": ["autogroup:member"], "dst": ["autogroup:self:*"] },
    { "action": "accept", "src": ["group:dev", "tag:ci"], "dst": ["tag:server:22,443"] },
    { "action": "accept", "src": ["group:ops"], "dst": ["*:*"] },
  ],
  "tests": [
    { "src": "alice@", "accept": ["tag:server:443"], "deny": ["tag:server:3306"] },
  ],
}
`;

const hex = (): string => randomBytes(32).toString('hex');

/** `machines`: how many; the first of them are special. */
export async function seeded(machines: number): Promise<Seeded> {
  const lab = await loopback();
  const { network } = lab.server;
  for (const [name, displayName, role] of PEOPLE) {
    if (network.userByName(name) === undefined) await lab.admin.call('users.create', { name, displayName });
    const user = network.userByName(name);
    if (user !== undefined)
      await network.save({ writes: [{ put: 'user', value: { ...user, displayName, role } }] });
  }
  for (let from = 0; from < machines; from += 500) {
    const count = Math.min(500, machines - from);
    const { id, write } = network.nextId('node', count);
    const writes = Array.from({ length: count }, (_, n) => ({
      put: 'node' as const,
      value: machine(network, id + n, from + n),
    }));
    await network.save({ writes: [write, ...writes] });
  }
  for (const { record } of network.nodes())
    if (record.id % 3 !== 0) network.setLive(record.id, { isOnline: true });
  await lab.admin.call('policy.set', { text: POLICY, comment: 'the first rules' });
  await lab.admin.call('preauthkeys.create', {
    ...{
      tags: ['tag:ci'],
      reusable: true,
      ephemeral: true,
      expirationMs: 30 * DAY,
      description: 'CI runners',
    },
  });
  await lab.admin.call('dns.records.add', {
    name: 'grafana.example.com',
    value: '100.64.0.3',
    comment: 'dashboards',
  });
  await lab.admin.call('dns.set', {
    nameservers: ['9.9.9.9', '1.1.1.1'],
    splitDns: { 'corp.example.com': ['10.0.0.53'] },
    searchDomains: ['example.com'],
  });
  return {
    lab,
    open: async (name, path, scheme) => {
      const user = network.userByName(name);
      if (user === undefined) throw new Error(`no user ${name}`);
      const secret = randomBytes(32).toString('base64url');
      const facts = { secret, address: '127.0.0.1', userAgent: 'test', way: 'code' } as const;
      await beginSession(network, user, facts, clock.now());
      const tab = await openTab(scheme);
      await tab.context.addCookies([{ name: 'rhumb-session', value: secret, url: lab.url }]);
      await tab.page.goto(`${lab.url}/admin${path}`);
      return tab;
    },
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  };
}

function machine(network: Network, id: number, n: number): NodeRecord {
  const now = clock.now();
  const [os, version] = SYSTEMS[n % SYSTEMS.length] ?? ['linux', ''];
  const base = NAMES[n % NAMES.length] ?? 'machine';
  const name = n < NAMES.length ? base : `${base}-${n}`;
  const isTagged = n % 5 === 4;
  const routes = n === 8 ? ['192.168.1.0/24', '10.20.0.0/16'] : n === 5 ? ['0.0.0.0/0', '::/0'] : [];
  const owner = network.userByName(PEOPLE[n % PEOPLE.length]?.[0] ?? 'alice');
  return {
    id,
    machineKey: `mkey:${hex()}` as MachineKey,
    nodeKey: `nodekey:${hex()}` as NodeKey,
    discoKey: `discokey:${hex()}` as DiscoKey,
    userId: isTagged ? undefined : owner?.id,
    tags: isTagged ? ['tag:prod', 'tag:server'] : [],
    hostname: `${base}-host`,
    givenName: name,
    givenNameLocked: false,
    ipv4: `100.64.${Math.floor(n / 250)}.${(n % 250) + 2}`,
    ipv6: `fd7a:115c:a1e0::${(n + 2).toString(16)}`,
    registerMethod: n % 2 === 0 ? 'authkey' : 'oidc',
    authKeyId: undefined,
    ephemeral: n % 11 === 7,
    expiry: isTagged ? undefined : now + (n === 3 ? -DAY : n === 6 ? 3 * DAY : 120 * DAY),
    createdAt: now - (n % 90) * DAY,
    lastSeen: now - (n % 40) * 3_600_000,
    hostinfo: {
      OS: os,
      OSVersion: version,
      Hostname: `${base}-host`,
      IPNVersion: '1.96.2-t0b1c2d3e4-g5f6a7b8c9',
      RoutableIPs: routes,
      NetInfo: { PreferredDERP: 900, DERPLatency: { '900-v4': 0.012 + (n % 7) / 500 } },
    } as unknown as Hostinfo,
    endpoints: ['203.0.113.7:41641', `192.168.1.${(n % 250) + 2}:41641`],
    endpointTypes: [2, 1],
    homeDerp: 900,
    capver: 125,
    approvedRoutes: n === 8 ? ['192.168.1.0/24'] : [],
    approvedAt: n === 9 ? undefined : now - 30 * DAY,
    disabledAt: n === 7 ? now - DAY : undefined,
    keyExpiryDisabled: isTagged,
    attributes: n === 0 ? { 'custom:tier': { value: 'gold', updatedAt: now, comment: 'set by IT' } } : {},
    routePriority: undefined,
    createdBy: 'alice',
  };
}
