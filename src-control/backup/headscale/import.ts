/** What a Headscale database comes to here: users, machines, auth keys, the policy, and the key that machines know it by. */
import { createHash } from 'node:crypto';
import { canonicalIp, formatPrefix, maskPrefix, parsePrefix } from '#shared/ip/address.ts';
import { parseDiscoKey, parseMachineKey, parseNodeKey } from '#shared/key/key.ts';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import { isBcrypt } from '../../auth/imported-keys.ts';
import { legacyAuthKey } from '../../auth/secrets.ts';
import { isUserName, labelFor, uniqueLabel } from '../../state/names.ts';
import type { AuditEntry, AuthKeyRecord, NodeRecord, UserRecord, Write } from '../../store/records.ts';
import type { HeadscaleAuthKey, HeadscaleNode, HeadscaleRows, HeadscaleUser } from './rows.ts';

export interface HeadscaleImport {
  readonly rows: HeadscaleRows;
  /** Instead of the one in the database. */
  readonly policy: string | undefined;
  /** `privkey:…`; undefined = a new one, and every machine has to be told the server anew. */
  readonly noiseKey: string | undefined;
  readonly nowMs: number;
  /** Of the providers at which people sign in from now on, as tokens have them. */
  readonly issuers?: readonly string[];
}

export interface ImportReport {
  readonly imported: Readonly<Record<'users' | 'nodes' | 'authKeys' | 'policies', number>>;
  /** What was taken over otherwise than it was, and what was not, each in words. */
  readonly changed: readonly string[];
  readonly skipped: readonly string[];
}

export interface ImportPlan {
  readonly writes: readonly Write[];
  readonly report: ImportReport;
}

interface Notes {
  readonly changed: string[];
  readonly skipped: string[];
}

const CREATED_BY = 'headscale';
const MAX_LABEL = 63;

export function planImport(given: HeadscaleImport): ImportPlan {
  const { rows, nowMs } = given;
  const notes: Notes = { changed: [], skipped: [...rows.problems] };
  const users = rows.users.flatMap((row) => userOf(row, given.issuers ?? [], nowMs, notes));
  unique(users, notes);
  const userIds = new Set(users.map(({ id }) => id));
  const authKeys = rows.authKeys.flatMap((row) => authKeyOf(row, userIds, nowMs, notes));
  const keys = new Map(authKeys.map((key) => [key.id, key]));
  const nodes = nodesOf(rows.nodes, userIds, keys, nowMs, notes);
  const policy = given.policy ?? rows.policy;
  if (rows.apiKeys > 0)
    notes.skipped.push(`${rows.apiKeys} API keys: make new ones, because theirs are tied to another API`);
  if (given.noiseKey === undefined)
    notes.changed.push('no Noise key was given: machines that know the old one must log in anew');
  const audit: AuditEntry = {
    at: nowMs,
    actor: { origin: 'cli', id: '', name: 'cli' },
    action: 'import',
    target: { type: 'state', id: '', name: `headscale ${rows.version ?? ''}`.trim() },
    details: `${users.length} users, ${nodes.length} machines, ${authKeys.length} auth keys`,
  };
  const writes: Write[] = [
    ...(given.noiseKey === undefined ? [] : [setting('noise-key', given.noiseKey)]),
    ...users.map((value): Write => ({ put: 'user', value })),
    ...authKeys.map((value): Write => ({ put: 'authKey', value })),
    ...nodes.map((value): Write => ({ put: 'node', value })),
    ...(policy === undefined ? [] : [policyOf(policy, nowMs)]),
    ...nextIds({
      user: users,
      authKey: authKeys,
      node: nodes,
      policy: policy === undefined ? [] : [{ id: 1 }],
    }),
    { audit },
  ];
  const imported = {
    users: users.length,
    nodes: nodes.length,
    authKeys: authKeys.length,
    policies: Number(policy !== undefined),
  };
  return { writes, report: { imported, ...notes } };
}

const setting = (key: string, value: string): Write => ({ put: 'setting', key, value });

/** Ids stay what they were, as machines and addresses in logs are known by them. */
function nextIds(tables: Readonly<Record<string, readonly { readonly id: number }[]>>): readonly Write[] {
  return Object.entries(tables).map(([kind, rows]) =>
    setting(`next-${kind}-id`, String(rows.reduce((most, { id }) => Math.max(most, id), 0) + 1)),
  );
}

function userOf(
  row: HeadscaleUser,
  issuers: readonly string[],
  nowMs: number,
  notes: Notes,
): readonly UserRecord[] {
  const wanted = row.name ?? row.email ?? '';
  const name = isUserName(wanted) ? wanted : `user-${row.id}`;
  if (name !== wanted)
    notes.changed.push(`user ${row.id} is called ${name}: "${wanted}" can't be a name here`);
  const createdAt = row.created_at ?? nowMs;
  const identity = identityOf(row, issuers, createdAt);
  return [
    {
      id: row.id,
      name,
      displayName: row.display_name ?? name,
      createdAt,
      role: 'member',
      approvedAt: createdAt,
      ...(identity === undefined ? {} : { identity }),
    },
  ];
}

/** `<issuer>/<subject>` as a URL, without the slash at the end that some issuers have: only who knows the issuers can tell. */
function identityOf(row: HeadscaleUser, issuers: readonly string[], at: number): UserRecord['identity'] {
  const text = row.provider_identifier;
  if (text === undefined || row.provider !== 'oidc') return undefined;
  const known = issuers.find((one) => text.startsWith(`${bare(one)}/`));
  const cut = known === undefined ? text.lastIndexOf('/') : bare(known).length;
  const issuer = known ?? bare(text.slice(0, cut));
  if (cut < 1 || URL.parse(issuer) === null) return undefined;
  return {
    issuer,
    subject: unescaped(text.slice(cut + 1)),
    provider: 'oidc',
    email: row.email,
    pictureUrl: row.profile_pic_url,
    groups: [],
    claimsAt: at,
    lastLoginAt: at,
  };
}

const bare = (issuer: string): string => issuer.replace(/\/$/, '');

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // It was not escaped: a lone percent sign.
    return text;
  }
}

/** There two users of different providers may have one name. */
function unique(users: UserRecord[], notes: Notes): void {
  const taken = new Set<string>();
  for (const [index, user] of users.entries()) {
    let { name } = user;
    for (let n = 2; taken.has(name); n++) name = `${user.name}-${n}`;
    if (name !== user.name) notes.changed.push(`user ${user.id} is called ${name}: ${user.name} is taken`);
    taken.add(name);
    users[index] = { ...user, name };
  }
}

function authKeyOf(
  row: HeadscaleAuthKey,
  users: ReadonlySet<number>,
  nowMs: number,
  notes: Notes,
): readonly AuthKeyRecord[] {
  const what = `auth key ${row.id}`;
  const secret = secretOf(row);
  const userId = row.user_id !== undefined && users.has(row.user_id) ? row.user_id : undefined;
  if (secret === undefined || (userId === undefined && row.tags.length === 0)) {
    notes.skipped.push(
      `${what}: ${secret === undefined ? 'its hash is of an unknown kind' : 'its user is gone'}`,
    );
    return [];
  }
  const createdAt = row.created_at ?? nowMs;
  const isUsed = row.used && !row.reusable;
  return [
    {
      id: row.id,
      ...secret,
      userId,
      tags: [...new Set(row.tags)].sort(),
      reusable: row.reusable,
      ephemeral: row.ephemeral,
      isPreapproved: true,
      maxUses: undefined,
      useCount: Number(row.used),
      createdAt,
      expiresAt: row.expiration,
      usedAt: row.used ? createdAt : undefined,
      revokedAt: row.revoked,
      description: isUsed ? 'from Headscale, used there' : 'from Headscale',
      ...{ ipv4: undefined, ipv6: undefined, hostname: undefined },
      createdBy: CREATED_BY,
    },
  ];
}

function secretOf(row: HeadscaleAuthKey): Pick<AuthKeyRecord, 'prefix' | 'hash'> | undefined {
  if (row.prefix !== undefined && row.hash !== undefined)
    return isBcrypt(Buffer.from(row.hash).toString('latin1'))
      ? { prefix: row.prefix, hash: row.hash }
      : undefined;
  return row.key === undefined ? undefined : legacyAuthKey(row.key);
}

function nodesOf(
  rows: readonly HeadscaleNode[],
  users: ReadonlySet<number>,
  keys: ReadonlyMap<number, AuthKeyRecord>,
  nowMs: number,
  notes: Notes,
): readonly NodeRecord[] {
  const names = new Set<string>();
  const seen = new Set<string>();
  const nodes: NodeRecord[] = [];
  for (const row of rows) {
    const node = nodeOf(row, users, keys, nowMs);
    if (typeof node === 'string') {
      notes.skipped.push(`machine ${row.id} (${row.given_name ?? row.hostname ?? ''}): ${node}`);
      continue;
    }
    const unique = [node.nodeKey, node.ipv4, node.ipv6, `${node.machineKey} ${node.userId ?? ''}`];
    if (unique.some((one) => seen.has(one))) {
      notes.skipped.push(`machine ${row.id} (${node.givenName}): another one has its key or address`);
      continue;
    }
    for (const one of unique) seen.add(one);
    const givenName = uniqueLabel(node.givenName, (label) => names.has(label));
    if (givenName !== row.given_name)
      notes.changed.push(`machine ${row.id} is called ${givenName}, not ${row.given_name ?? 'nothing'}`);
    names.add(givenName);
    nodes.push({ ...node, givenName });
  }
  return nodes;
}

/** Or why it can't be taken over. */
function nodeOf(
  row: HeadscaleNode,
  users: ReadonlySet<number>,
  keys: ReadonlyMap<number, AuthKeyRecord>,
  nowMs: number,
): NodeRecord | string {
  const tags = [...new Set(row.tags)].sort();
  const userId = tags.length === 0 ? row.user_id : undefined;
  if (tags.length === 0 && (userId === undefined || !users.has(userId)))
    return 'it has neither user nor tags';
  const ipv4 = canonicalIp(row.ipv4 ?? '');
  const ipv6 = canonicalIp(row.ipv6 ?? '');
  if (ipv4 === undefined || ipv6 === undefined)
    return 'it lacks an IPv4 or IPv6 address, and machines have both here: give Headscale both prefixes and let it fill in the missing ones';
  const info = hostinfo.safeParse(row.host_info);
  const createdAt = row.created_at ?? nowMs;
  const hostname = row.hostname ?? '';
  try {
    return {
      id: row.id,
      machineKey: parseMachineKey(row.machine_key),
      nodeKey: parseNodeKey(row.node_key),
      discoKey: row.disco_key === undefined ? undefined : parseDiscoKey(row.disco_key),
      userId,
      tags,
      hostname,
      givenName: labelFor((row.given_name ?? hostname).slice(0, MAX_LABEL)),
      givenNameLocked: row.given_name !== undefined && row.given_name !== labelFor(hostname),
      ipv4,
      ipv6,
      registerMethod: methodOf(row.register_method),
      authKeyId: row.auth_key_id !== undefined && keys.has(row.auth_key_id) ? row.auth_key_id : undefined,
      // There a machine is what its key was.
      ephemeral: row.auth_key_id !== undefined && keys.get(row.auth_key_id)?.ephemeral === true,
      expiry: row.expiry,
      createdAt,
      lastSeen: row.last_seen,
      hostinfo: info.success ? info.data : hostinfo.parse({ Hostname: hostname }),
      endpoints: [],
      endpointTypes: [],
      homeDerp: 0,
      capver: 0,
      approvedRoutes: routesOf(row.approved_routes),
      approvedAt: createdAt,
      disabledAt: undefined,
      keyExpiryDisabled: false,
      attributes: {},
      routePriority: undefined,
      createdBy: CREATED_BY,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function methodOf(text: string | undefined): NodeRecord['registerMethod'] {
  return text === 'authkey' || text === 'oidc' ? text : 'cli';
}

function routesOf(texts: readonly string[]): readonly string[] {
  const masked = texts.flatMap((text) => {
    const prefix = parsePrefix(text);
    return prefix === undefined ? [] : [formatPrefix(maskPrefix(prefix))];
  });
  return [...new Set(masked)].sort();
}

const policyOf = (text: string, createdAt: number): Write => ({
  put: 'policy',
  value: {
    id: 1,
    text,
    sha256: createHash('sha256').update(text).digest('hex'),
    author: CREATED_BY,
    comment: 'imported from Headscale',
    createdAt,
  },
});
