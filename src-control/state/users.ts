/** Users and one-time codes: what administrators make. */
import { RhumbError } from '#shared/errors.ts';
import type {
  AdminCodeRecord,
  GrantRecord,
  NodeRecord,
  UserIdentity,
  UserRecord,
  Write,
} from '../store/records.ts';
import { nodeChange, What } from './changes.ts';
import { isUserName, parseUserName } from './names.ts';
import { isExpired, type Network } from './network.ts';

/** How long a code that is over stays on record. */
const KEEP_CODES_MS = 24 * 3_600_000;

export async function createUser(
  network: Network,
  name: string,
  displayName: string,
  nowMs: number,
): Promise<UserRecord> {
  parseUserName(name);
  if (network.userByName(name) !== undefined)
    throw new RhumbError('conflict', `user "${name}" exists already`);
  const { id, write } = network.nextId('user');
  const value: UserRecord = {
    id,
    name,
    displayName: displayName || name,
    createdAt: nowMs,
    role: 'member',
    approvedAt: nowMs,
  };
  await network.save({ writes: [write, { put: 'user', value }], changes: [{ kind: 'user', id }] });
  return value;
}

export type NewAdminCode = Omit<AdminCodeRecord, 'id' | 'usedAt' | 'purpose'> &
  Partial<Pick<AdminCodeRecord, 'purpose'>>;

export async function addAdminCode(network: Network, code: NewAdminCode): Promise<AdminCodeRecord> {
  const { id, write } = network.nextId('adminCode');
  const value: AdminCodeRecord = { purpose: 'machine', ...code, id, usedAt: undefined };
  const writes: Write[] = [write, { put: 'adminCode', value }];
  for (const old of network.adminCodes())
    if (old.expiresAt < code.createdAt - KEEP_CODES_MS) writes.push({ remove: 'adminCode', id: old.id });
  await network.save({ writes });
  return value;
}

export async function useAdminCode(network: Network, code: AdminCodeRecord, nowMs: number): Promise<void> {
  await network.save({ writes: [{ put: 'adminCode', value: { ...code, usedAt: nowMs } }] });
}

/** May sign in and have machines. */
export const isActive = (user: UserRecord): boolean =>
  user.approvedAt !== undefined && user.suspendedAt === undefined;

/** What machines show of a user. */
export const loginName = (user: UserRecord): string => user.identity?.email ?? user.name;

/** Somebody whom a provider has just vouched for. */
export interface SignedIn
  extends Pick<UserIdentity, 'issuer' | 'subject' | 'provider' | 'email' | 'pictureUrl' | 'groups'> {
  readonly displayName: string;
  /** What they may be called here, best first. */
  readonly names: readonly string[];
}

/** The user of an identity, made when it is new. The name stays as it was given; the rest follows the provider. */
export async function rememberPerson(network: Network, person: SignedIn, nowMs: number): Promise<UserRecord> {
  const known = network.userByIdentity(person.issuer, person.subject);
  const { id, write } = known === undefined ? network.nextId('user') : { id: known.id, write: undefined };
  const name = known?.name ?? freeUserName(network, person.names);
  const value: UserRecord = {
    id,
    name,
    displayName: person.displayName || name,
    createdAt: known?.createdAt ?? nowMs,
    role: known?.role ?? 'member',
    approvedAt: known === undefined ? nowMs : known.approvedAt,
    identity: identityOf(person, nowMs, nowMs),
    suspendedAt: undefined,
  };
  const writes: Write[] = [...(write === undefined ? [] : [write]), { put: 'user', value }];
  await network.save({ writes, changes: [{ kind: 'user', id }] });
  return value;
}

/** The provider was asked again and says this now. */
export async function updatePerson(
  network: Network,
  user: UserRecord,
  person: SignedIn,
  nowMs: number,
): Promise<void> {
  const lastLoginAt = user.identity?.lastLoginAt ?? nowMs;
  const value = {
    ...user,
    displayName: person.displayName || user.name,
    identity: identityOf(person, nowMs, lastLoginAt),
  };
  await network.save({ writes: [{ put: 'user', value }], changes: [{ kind: 'user', id: user.id }] });
}

const identityOf = (person: SignedIn, claimsAt: number, lastLoginAt: number): UserIdentity => ({
  issuer: person.issuer,
  subject: person.subject,
  provider: person.provider,
  email: person.email,
  pictureUrl: person.pictureUrl,
  groups: person.groups,
  claimsAt,
  lastLoginAt,
});

/** Stands for the owner of tagged machines on the wire; the number is the one that Headscale gives it. */
export const TAGGED_DEVICES: UserRecord = {
  id: 2_147_455_555,
  name: 'tagged-devices',
  displayName: 'Tagged Devices',
  createdAt: 0,
  role: 'member',
  approvedAt: 0,
};

/** Who a machine belongs to, as others see it. */
export const ownerOf = (network: Network, record: NodeRecord): UserRecord | undefined =>
  record.userId === undefined ? TAGGED_DEVICES : network.user(record.userId);

function freeUserName(network: Network, wanted: readonly string[]): string {
  const names = wanted.filter((name) => isUserName(name) && name !== TAGGED_DEVICES.name);
  const free = names.find((name) => network.userByName(name) === undefined);
  if (free !== undefined) return free;
  const base = (names[0] ?? 'user').slice(0, 50);
  for (let n = 2; ; n++) if (network.userByName(`${base}-${n}`) === undefined) return `${base}-${n}`;
}

/**
 * The provider refuses the user: no new machines from now on, and those there are end at `endsAt` unless they end
 * earlier. All of it is one save.
 */
export async function suspendUser(
  network: Network,
  user: UserRecord,
  endsAt: number,
  nowMs: number,
): Promise<number> {
  const writes: Write[] = [
    { put: 'user', value: { ...user, suspendedAt: nowMs } },
    { remove: 'grant', id: user.id },
  ];
  const ended = [...network.nodes()]
    .map(({ record }) => record)
    .filter((record) => record.userId === user.id && !isExpired(record, endsAt));
  for (const record of ended) writes.push({ put: 'node', value: { ...record, expiry: endsAt } });
  const changes = ended.map(({ id }) => nodeChange(id, What.Whole));
  await network.save({ writes, changes: [...changes, { kind: 'user', id: user.id }] });
  return ended.length;
}

export async function saveGrant(network: Network, value: GrantRecord): Promise<void> {
  await network.save({ writes: [{ put: 'grant', value }] });
}

export async function removeGrant(network: Network, userId: number): Promise<void> {
  if (network.grantOf(userId) !== undefined)
    await network.save({ writes: [{ remove: 'grant', id: userId }] });
}
