/** Whether the state holds what must always hold (coordination-server.md §2.5); says what is wrong, and what to do about it. */
import { parseIp, parsePrefix, prefixContains } from '#shared/ip/address.ts';
import { readRoute } from '../state/announced.ts';
import type { NodeRecord, Snapshot } from '../store/records.ts';

export interface Finding {
  /** `error`: something will go wrong. `warning`: somebody should look. */
  readonly level: 'error' | 'warning';
  /** What it is about, such as `node 7`. */
  readonly subject: string;
  readonly text: string;
}

export interface DoctorFacts {
  readonly snapshot: Snapshot;
  /** Out of which machines get addresses: prefixes. */
  readonly ranges: readonly string[];
  readonly baseDomain: string;
  /** The tags that the policy in force knows; undefined = no policy, so none are needed. */
  readonly knownTags: ReadonlySet<string> | undefined;
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const MAX_FQDN = 253;
const MAX_FINDINGS = 1_000;

export function diagnose(facts: DoctorFacts): readonly Finding[] {
  const { node, user } = facts.snapshot.tables;
  const users = new Set(user.map(({ id }) => id));
  const findings = [
    ...node.flatMap((one) => [...ofNode(one, facts, users)]),
    ...twice(node, 'node key', (one) => one.nodeKey),
    ...twice(node, 'name', (one) => one.givenName),
    ...twice(node, 'IPv4 address', (one) => one.ipv4),
    ...twice(node, 'IPv6 address', (one) => one.ipv6),
    ...twice(node, 'machine of one owner', (one) => `${one.machineKey} ${one.userId ?? 'tags'}`),
    ...ofCredentials(facts, users),
    ...ofIds(facts.snapshot),
    ...ofOwners(facts.snapshot),
  ];
  return findings.slice(0, MAX_FINDINGS);
}

function* ofNode(node: NodeRecord, facts: DoctorFacts, users: ReadonlySet<number>): Generator<Finding> {
  const subject = `node ${node.id} (${node.givenName})`;
  const error = (text: string): Finding => ({ level: 'error', subject, text });
  if ((node.userId === undefined) !== node.tags.length > 0)
    yield error('it must belong to a user or to tags, and to one of both only: tag it, or move it to a user');
  if (node.userId !== undefined && !users.has(node.userId))
    yield error(`its user ${node.userId} is not there: move it to another one, or delete it`);
  if (!LABEL.test(node.givenName)) yield error('its name is no DNS label: rename it');
  if (`${node.givenName}.${facts.baseDomain}`.length > MAX_FQDN)
    yield error('its name with the base domain is too long for DNS: rename it');
  for (const address of [node.ipv4, node.ipv6])
    if (!isInside(address, facts.ranges))
      yield {
        level: 'warning',
        subject,
        text: `${address} is in none of the ranges for machines (${facts.ranges.join(', ')})`,
      };
  for (const tag of node.tags)
    if (facts.knownTags !== undefined && !facts.knownTags.has(tag))
      yield { level: 'warning', subject, text: `the policy has no owners for ${tag}: add them to tagOwners` };
  yield* ofRoutes(node, subject);
}

function* ofRoutes(node: NodeRecord, subject: string): Generator<Finding> {
  const seen = new Set<string>();
  for (const route of node.approvedRoutes) {
    const reading = readRoute(route);
    if (reading.kind === 'refused')
      yield {
        level: 'error',
        subject,
        text: `its approved route ${route} ${reading.why}: take the approval back`,
      };
    else if (reading.text !== route)
      yield { level: 'error', subject, text: `its approved route ${route} is no network: approve it anew` };
    else if (seen.has(route)) yield { level: 'error', subject, text: `its route ${route} is approved twice` };
    seen.add(route);
  }
}

function isInside(address: string, ranges: readonly string[]): boolean {
  const ip = parseIp(address);
  return (
    ip !== undefined &&
    ranges.some((range) => {
      const prefix = parsePrefix(range);
      return prefix !== undefined && prefix.ip.length === ip.length && prefixContains(prefix, ip);
    })
  );
}

function* twice(
  nodes: readonly NodeRecord[],
  what: string,
  keyOf: (node: NodeRecord) => string,
): Generator<Finding> {
  const first = new Map<string, number>();
  for (const node of nodes) {
    const key = keyOf(node);
    const other = first.get(key);
    if (other === undefined) first.set(key, node.id);
    else
      yield {
        level: 'error',
        subject: `node ${node.id} (${node.givenName})`,
        text: `it has the ${what} of node ${other}: delete one of both`,
      };
  }
}

function* ofCredentials({ snapshot }: DoctorFacts, users: ReadonlySet<number>): Generator<Finding> {
  const { authKey, apiKey, session, passkey, grant } = snapshot.tables;
  const owned = [
    ...authKey.map((one) => ['auth key', one.id, one.userId] as const),
    ...apiKey.map((one) => ['API key', one.id, one.userId] as const),
    ...session.map((one) => ['session', one.id, one.userId] as const),
    ...passkey.map((one) => ['passkey', one.id, one.userId] as const),
    ...grant.map((one) => ['sign-in of user', one.id, one.id] as const),
  ];
  for (const [what, id, userId] of owned)
    if (userId !== undefined && !users.has(userId))
      yield {
        level: 'error',
        subject: `${what} ${id}`,
        text: `its user ${userId} is not there: revoke it`,
      };
  for (const key of authKey)
    if (key.userId === undefined && key.tags.length === 0)
      yield {
        level: 'error',
        subject: `auth key ${key.id}`,
        text: 'it has neither user nor tags: revoke it',
      };
}

/** Ids are never used again; a counter behind its table would give one out a second time. */
function* ofIds({ settings, tables }: Snapshot): Generator<Finding> {
  for (const [kind, rows] of Object.entries(tables)) {
    const next = settings.get(`next-${kind}-id`);
    const newest = rows.reduce((most: number, { id }: { readonly id: number }) => Math.max(most, id), 0);
    if (next !== undefined && Number(next) <= newest)
      yield {
        level: 'error',
        subject: kind,
        text: `the next one would get the id ${next}, and ${newest} is in use: restore a backup`,
      };
  }
}

function* ofOwners({ tables }: Snapshot): Generator<Finding> {
  const owners = tables.user.filter((one) => one.role === 'owner' && one.suspendedAt === undefined);
  if (tables.user.some((one) => one.role !== 'member') && owners.length === 0)
    yield {
      level: 'warning',
      subject: 'users',
      text: 'nobody is the owner: name one with users set-role NAME owner',
    };
}
