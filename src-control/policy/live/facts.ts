/** Machines and people as the policy sees them, taken from what the server remembers (policy.md §3, §5.7). */
import { parseIp, parsePrefix } from '#shared/ip/address.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import { announcedRoutes } from '../../state/announced.ts';
import { isAdmitted, type Network, type NodeView } from '../../state/network.ts';
import type { NodeRecord, UserRecord } from '../../store/records.ts';
import type { PolicyNetwork, PolicyNode, PolicyUser } from '../compile/network.ts';
import type { Literal } from '../language/condition.ts';
import { type Addr, addrOf, type Cidr, cidrOf } from '../sets/ranges.ts';

const addr = (text: string): Addr | undefined => {
  const ip = parseIp(text);
  return ip === undefined ? undefined : addrOf(ip);
};

const cidrs = (texts: readonly string[]): readonly Cidr[] =>
  texts.map(parsePrefix).flatMap((prefix) => (prefix === undefined ? [] : [cidrOf(prefix)]));

/** The parts of a client's version: `1.82.0-t123-g456` is 1.82.0, odd second numbers are unstable. */
function versionFacts(text: string | undefined): readonly (readonly [string, Literal])[] {
  const version = /^v?(\d+\.(\d+)[\d.]*)/.exec(text ?? '');
  if (version?.[1] === undefined) return [];
  const track = Number(version[2]) % 2 === 1 ? 'unstable' : 'stable';
  return [
    ['node:tsVersion', version[1]],
    ['node:tsReleaseTrack', track],
  ];
}

const hostFacts = ({
  OS,
  OSVersion,
  IPNVersion,
  ...rest
}: Hostinfo): readonly (readonly [string, Literal])[] => [
  ...(OS === undefined || OS === '' ? [] : [['node:os', OS.toLowerCase()] as const]),
  ...(OSVersion === undefined || OSVersion === '' ? [] : [['node:osVersion', OSVersion] as const]),
  ...versionFacts(IPNVersion),
  ...(typeof rest['StateEncrypted'] === 'boolean'
    ? [['node:tsStateEncrypted', rest['StateEncrypted']] as const]
    : []),
];

/** What administrators set counts before what the machine says. */
function attributesOf({ hostinfo, attributes }: NodeRecord, nowMs: number): ReadonlyMap<string, Literal> {
  const set = Object.entries(attributes)
    .filter(([, { expiresAt }]) => expiresAt === undefined || expiresAt > nowMs)
    .map(([name, { value }]) => [name, value] as const);
  return new Map<string, Literal>([...hostFacts(hostinfo), ...set]);
}

/** Also of machines that are not admitted. */
export const factsOf = ({ record, isOnline }: NodeView, nowMs: number): PolicyNode => ({
  id: record.id,
  name: record.givenName,
  hostname: record.hostname,
  userId: record.userId,
  tags: record.tags,
  ipv4: addr(record.ipv4),
  ipv6: addr(record.ipv6),
  announced: cidrs(announcedRoutes(record)),
  approved: cidrs(record.approvedRoutes),
  isOnline,
  isHealthy: true,
  offersApps: record.hostinfo['AppConnector'] === true,
  attributes: attributesOf(record, nowMs),
});

/** Undefined for machines that are not admitted: for the policy they are not there. */
export const nodeFacts = (view: NodeView, nowMs: number): PolicyNode | undefined =>
  isAdmitted(view.record) ? factsOf(view, nowMs) : undefined;

/** The whole network, machines in order of id. */
export function networkFacts(network: Network, nowMs: number): PolicyNetwork {
  const nodes = [...network.nodes()].flatMap((view) => nodeFacts(view, nowMs) ?? []);
  return { users: [...network.users()].map(userFacts), nodes: nodes.sort((a, b) => a.id - b.id) };
}

/** When an attribute of the machine ends next. */
export function nextEnd({ attributes }: NodeRecord, nowMs: number): number {
  const ends = Object.values(attributes).map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY);
  return Math.min(...ends.filter((end) => end > nowMs));
}

export const userFacts = ({ id, name, role, identity }: UserRecord): PolicyUser => ({
  id,
  name,
  email: identity?.email ?? '',
  providerId: identity === undefined ? '' : `${identity.issuer}/${identity.subject}`,
  roles: [role],
  providerGroups: identity?.groups ?? [],
});

const sameCidrs = (a: readonly Cidr[], b: readonly Cidr[]): boolean =>
  a.length === b.length && a.every(({ text }, i) => text === b[i]?.text);

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, i) => text === b[i]);

/** Whether the policy says the same of both. Names count for explanations, which read them anew. */
export const sameNode = (a: PolicyNode, b: PolicyNode): boolean =>
  a.userId === b.userId &&
  a.ipv4 === b.ipv4 &&
  a.ipv6 === b.ipv6 &&
  a.name === b.name &&
  a.hostname === b.hostname &&
  a.offersApps === b.offersApps &&
  sameTexts(a.tags, b.tags) &&
  sameCidrs(a.announced, b.announced) &&
  sameCidrs(a.approved, b.approved) &&
  a.attributes.size === b.attributes.size &&
  [...a.attributes].every(([name, value]) => b.attributes.get(name) === value);

export const sameUser = (a: PolicyUser, b: PolicyUser): boolean =>
  a.name === b.name &&
  a.email === b.email &&
  a.providerId === b.providerId &&
  sameTexts(a.roles, b.roles) &&
  sameTexts(a.providerGroups, b.providerGroups);
