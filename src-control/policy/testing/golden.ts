/** The network and the notation of the worked examples (policy.md §17). */
import type { CompiledPolicy } from '../compile/compiled.ts';
import type { WireRule } from '../compile/filter.ts';
import type { Machine, PolicyNetwork } from '../compile/network.ts';
import { compileText } from '../offline/compile-offline.ts';
import { readTopology } from '../offline/topology.ts';
import { stringsOf } from '../sets/ranges.ts';
import { INTERNET } from '../sets/special.ts';

const SERVER = 'https://vpn.corp.test';

interface NodeJson {
  readonly user?: string;
  readonly tags?: readonly string[];
  readonly ipv4: string;
  readonly ipv6: string;
  readonly routable_ips?: readonly string[];
  readonly approved_routes?: readonly string[];
  readonly attributes?: Readonly<Record<string, string>>;
  readonly app_connector?: boolean;
}

const node = (host: number, suffix: string, more: Omit<NodeJson, 'ipv4' | 'ipv6'>): NodeJson => ({
  ipv4: `100.64.0.${host}`,
  ipv6: `fd7a:115c:a1e0::${suffix}`,
  ...more,
});

const EXIT = ['0.0.0.0/0', '::/0'];
const LAN = '10.20.0.0/16';

export const NODES: Readonly<Record<string, NodeJson>> = {
  'ada-laptop': node(10, 'a', { user: 'ada', attributes: { 'node:os': 'macos' } }),
  'ada-phone': node(12, 'c', { user: 'ada', attributes: { 'node:os': 'ios' } }),
  'ben-desktop': node(20, '14', { user: 'ben', attributes: { 'node:os': 'windows' } }),
  web1: node(30, '1e', { tags: ['tag:web'] }),
  web2: node(32, '20', { tags: ['tag:edge', 'tag:web'] }),
  db1: node(40, '28', { tags: ['tag:db'] }),
  rtr1: node(50, '32', { tags: ['tag:router'], routable_ips: [LAN], approved_routes: [LAN] }),
  rtr2: node(52, '34', {
    tags: ['tag:router'],
    routable_ips: [LAN, '192.168.77.0/24'],
    approved_routes: [LAN],
  }),
  exit1: node(60, '3c', { tags: ['tag:exit'], routable_ips: EXIT, approved_routes: EXIT }),
};

export const EXIT2 = {
  exit2: node(62, '3e', { tags: ['tag:exit-eu'], routable_ips: EXIT, approved_routes: EXIT }),
};

export const USERS = [
  { id: 1, name: 'ada', email: 'ada@corp.test' },
  { id: 2, name: 'ben', email: 'ben@corp.test' },
];

export const network = (nodes: Readonly<Record<string, NodeJson>> = NODES): PolicyNetwork =>
  readTopology(JSON.stringify({ users: USERS, nodes }));

const TAGS = ['web', 'edge', 'db', 'router', 'router-b', 'exit', 'exit-eu'];
const COMMON = {
  groups: { 'group:ops': ['ada@corp.test', 'ben@corp.test'], 'group:none': [] },
  hosts: { lan: LAN, printer: '10.20.5.9', 'web-one': '100.64.0.30' },
  tagOwners: Object.fromEntries(TAGS.map((tag) => [`tag:${tag}`, []])),
};

/** The rules of an example with the declarations that all examples share. */
export const policyText = (rules: object): string => JSON.stringify({ ...COMMON, ...rules });

/** Messages of errors when it is refused. */
export function compiled(rules: object, net: PolicyNetwork = network()): CompiledPolicy {
  const { compiled: good, report } = compileText(policyText(rules), net, SERVER);
  if (good === undefined) throw new Error(report.all.map(({ message }) => message).join('\n'));
  return good;
}

export const errorsOf = (rules: object, net: PolicyNetwork = network()): readonly string[] =>
  compileText(policyText(rules), net, SERVER)
    .report.all.filter(({ severity }) => severity === 'error')
    .map(({ message }) => message);

export function machine(policy: CompiledPolicy, name: string): Machine {
  const found = policy.machines.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no machine ${name}`);
  return found;
}

const portText = ({ First, Last }: { First: number; Last: number }): string =>
  First === 0 && Last === 65_535 ? '*' : First === Last ? String(First) : `${First}-${Last}`;
const isV6 = (text: string): boolean => text.includes(':') && !text.includes('/') && !text.includes('-');

/** `{"src", "dst", "proto", "caps"}` as the examples write a rule. */
function notation({ SrcIPs, DstPorts, IPProto, CapGrant }: WireRule): object {
  return {
    src: SrcIPs,
    ...(DstPorts === undefined
      ? {}
      : { dst: DstPorts.map(({ IP, Ports }) => `${isV6(IP) ? `[${IP}]` : IP}:${portText(Ports)}`) }),
    ...(IPProto === undefined ? {} : { proto: IPProto }),
    ...(CapGrant === undefined
      ? {}
      : { caps: CapGrant.map(({ Dsts, CapMap }) => ({ dsts: Dsts, map: CapMap })) }),
  };
}

export const filter = (policy: CompiledPolicy, name: string): object[] =>
  policy.filterOf(machine(policy, name)).map(notation);

/** `ada-laptop→web1,web2; …` for all machines that see any. */
export const peers = (policy: CompiledPolicy): string =>
  policy.machines
    .map((one) => [one.name, policy.peersOf(one).map(({ name }) => name)] as const)
    .filter(([, names]) => names.length > 0)
    .map(([name, names]) => `${name}→${names.join()}`)
    .join('; ');

export const INTERNET_ALL = stringsOf(INTERNET).map((text) => `${text}:*`);
export const ADA = ['100.64.0.10', '100.64.0.12', 'fd7a:115c:a1e0::a', 'fd7a:115c:a1e0::c'];
export const BEN = ['100.64.0.20', 'fd7a:115c:a1e0::14'];
export const MEMBERS = [
  '100.64.0.10',
  '100.64.0.12',
  '100.64.0.20',
  'fd7a:115c:a1e0::a',
  'fd7a:115c:a1e0::c',
  'fd7a:115c:a1e0::14',
];
export const WEB = ['100.64.0.30', '100.64.0.32', 'fd7a:115c:a1e0::1e', 'fd7a:115c:a1e0::20'];
export const TAILNET_STRINGS = [
  '100.64.0.0-100.115.91.255',
  '100.115.94.0-100.127.255.255',
  'fd7a:115c:a1e0::/48',
];
