/** People whom an identity provider vouches for: made or found at a sign-in, kept up to date, and the leave to ask again. */
import type {
  Actor,
  AuditEntry,
  GrantRecord,
  Role,
  UserIdentity,
  UserRecord,
  Write,
} from '../store/records.ts';
import { endCodesOf } from './admin-codes.ts';
import { isUserName } from './names.ts';
import type { Network } from './network.ts';
import { runSettings } from './run-settings.ts';
import { endSessionsOf } from './sessions.ts';
import { isTaken, owners, userEntry } from './users.ts';

/** Somebody whom a provider has just vouched for. */
export interface VouchedPerson
  extends Pick<UserIdentity, 'issuer' | 'subject' | 'provider' | 'email' | 'pictureUrl' | 'groups'> {
  readonly displayName: string;
  /** What they may be called here, best first. */
  readonly names: readonly string[];
  /** What the provider's claims make of them; undefined = that is decided here. */
  readonly role: Role | undefined;
  /** Takes over a user made here whose name is this address. */
  readonly linksTo: string | undefined;
}

const oidcActor = (person: VouchedPerson): Actor => ({
  origin: 'oidc',
  id: `${person.issuer}/${person.subject}`,
  name: person.email ?? person.displayName,
});

/** The user of an identity, made when it is new. The name stays as it was given; the rest follows the provider. */
export async function rememberPerson(
  network: Network,
  person: VouchedPerson,
  nowMs: number,
): Promise<UserRecord> {
  const known = network.userByIdentity(person.issuer, person.subject) ?? linked(network, person);
  return known === undefined
    ? addPerson(network, person, nowMs)
    : savePerson(network, known, person, nowMs, nowMs);
}

/** The provider was asked again and says this now. */
export async function updatePerson(
  network: Network,
  user: UserRecord,
  person: VouchedPerson,
  nowMs: number,
): Promise<void> {
  await savePerson(network, user, person, nowMs, user.identity?.lastLoginAt ?? nowMs);
}

function linked(network: Network, person: VouchedPerson): UserRecord | undefined {
  const wanted = person.linksTo?.toLowerCase();
  if (wanted === undefined) return undefined;
  const fits = [...network.users()].filter(
    (user) => user.identity === undefined && user.name.toLowerCase() === wanted,
  );
  return fits.length === 1 ? fits[0] : undefined;
}

async function addPerson(network: Network, person: VouchedPerson, nowMs: number): Promise<UserRecord> {
  const { id, write } = network.nextId('user');
  const name = freeUserName(network, person.names);
  const role = person.role ?? 'member';
  // Whoever the provider's claims make an administrator needs nobody's yes.
  const waits = role === 'member' && runSettings(network).usersApprovalOn;
  const value: UserRecord = {
    ...{ id, name, role },
    displayName: person.displayName || name,
    createdAt: nowMs,
    approvedAt: waits ? undefined : nowMs,
    identity: identityOf(person, nowMs, nowMs),
  };
  const entry = userEntry('create', value, nowMs, oidcActor(person), { new: `role ${role}` });
  await network.save({
    writes: [write, { put: 'user', value }],
    changes: [{ kind: 'user', id }],
    audit: [{ ...entry, ...(waits ? { details: 'waits for approval' } : {}) }],
  });
  return value;
}

async function savePerson(
  network: Network,
  user: UserRecord,
  person: VouchedPerson,
  nowMs: number,
  lastLoginAt: number,
): Promise<UserRecord> {
  const role = roleOf(network, user, person);
  const value: UserRecord = {
    ...user,
    role,
    displayName: person.displayName || user.name,
    identity: identityOf(person, nowMs, lastLoginAt),
    // A sign-in undoes what the provider itself did, not what an administrator did.
    ...(user.suspendedBy === 'admin' ? {} : { suspendedAt: undefined, suspendedBy: undefined }),
  };
  const actor = oidcActor(person);
  const audit: AuditEntry[] = [];
  if (user.identity === undefined)
    audit.push(userEntry('link', value, nowMs, actor, { new: `${person.issuer}/${person.subject}` }));
  if (role !== user.role)
    audit.push(userEntry('update', value, nowMs, actor, { property: 'role', old: user.role, new: role }));
  const writes: Write[] = [{ put: 'user', value }];
  if (role !== user.role) writes.push(...endSessionsOf(network, user.id), ...endCodesOf(network, user.id));
  await network.save({ writes, changes: [{ kind: 'user', id: user.id }], audit });
  return value;
}

/** A network without an owner could not be governed: the only one stays, whatever the claims say. */
function roleOf(network: Network, user: UserRecord, person: VouchedPerson): Role {
  if (person.role === undefined) return user.role;
  const isOnly = user.role === 'owner' && owners(network).every(({ id }) => id === user.id);
  return isOnly ? user.role : person.role;
}

const identityOf = (person: VouchedPerson, claimsAt: number, lastLoginAt: number): UserIdentity => ({
  issuer: person.issuer,
  subject: person.subject,
  provider: person.provider,
  email: person.email,
  pictureUrl: person.pictureUrl,
  groups: person.groups,
  claimsAt,
  lastLoginAt,
});

function freeUserName(network: Network, wanted: readonly string[]): string {
  const names = wanted.filter(isUserName);
  const free = names.find((name) => !isTaken(network, name));
  if (free !== undefined) return free;
  const base = (names[0] ?? 'user').slice(0, 50);
  for (let n = 2; ; n++) if (!isTaken(network, `${base}-${n}`)) return `${base}-${n}`;
}

export async function saveGrant(network: Network, value: GrantRecord): Promise<void> {
  await network.save({ writes: [{ put: 'grant', value }] });
}

export async function removeGrant(network: Network, userId: number): Promise<void> {
  if (network.grantOf(userId) !== undefined)
    await network.save({ writes: [{ remove: 'grant', id: userId }] });
}
