/** Whether a machine with proof of who it belongs to gets in, with which tags, for how long, and whether somebody has to say yes first. */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { MachineKey, NodeKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import { admit, ownerFor } from '../state/admission.ts';
import { whyDead } from '../state/auth-keys.ts';
import { type Meter, noMeter } from '../state/meter.ts';
import type { Network } from '../state/network.ts';
import { isTag } from '../state/ownership.ts';
import { inactiveText, isActive } from '../state/user-state.ts';
import type { Actor, AuthKeyRecord, NodeRecord, RegisterMethod, UserRecord } from '../store/records.ts';
import { parseAuthKey, sameHash } from './secrets.ts';

/** What the policy says about machines that are not there yet. */
export interface AdmissionPolicy {
  refusedTags(
    userId: number | undefined,
    current: readonly string[],
    wanted: readonly string[],
  ): readonly string[];
  /** Whether the policy declares it. */
  hasTag(tag: string): boolean;
  poolsFor(identity: {
    readonly userId: number | undefined;
    readonly tags: readonly string[];
  }): readonly string[] | undefined;
}

export interface LetInDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  /** Lifetime of a machine's key; 0 = never ends. */
  readonly keyLifetimeMs: number;
  /** Undefined = there is no policy: nobody may ask for tags. */
  readonly policy?: AdmissionPolicy | undefined;
  /** Whether new machines wait for an administrator's yes. */
  readonly needsApproval?: (() => boolean) | undefined;
  readonly meter?: Meter | undefined;
}

export interface Applicant {
  readonly machineKey: MachineKey;
  readonly nodeKey: NodeKey;
  readonly hostinfo: Hostinfo;
  readonly capver: number;
  readonly requestedExpiry: number | undefined;
}

/** When the machine's key ends, where that is not the server's usual; undefined = never. */
export interface Lifetime {
  readonly endsAt: number | undefined;
}

/** What vouches for the machine. */
export interface Proof {
  readonly method: RegisterMethod;
  readonly userId: number | undefined;
  readonly authKey?: AuthKeyRecord | undefined;
  readonly lifetime?: Lifetime | undefined;
  readonly by: Actor;
}

/** Ways in which an administrator has looked at this very machine. */
const BY_ADMINISTRATORS: readonly RegisterMethod[] = ['cli', 'code', 'api'];

/** Throws `conflict` or `not-allowed` with words for the machine's user; nothing has happened then. */
export async function letIn(deps: LetInDeps, applicant: Applicant, proof: Proof): Promise<NodeRecord> {
  const { userId, authKey, method } = proof;
  const owner = userId === undefined ? undefined : deps.network.user(userId);
  if (userId !== undefined) refuseUser(owner);
  const tags = tagsFor(deps.policy, applicant.hostinfo.RequestTags ?? [], proof);
  const isApproved =
    authKey?.isPreapproved === true || BY_ADMINISTRATORS.includes(method) || deps.needsApproval?.() !== true;
  const node = await admit(deps.network, {
    ...{ machineKey: applicant.machineKey, nodeKey: applicant.nodeKey, hostinfo: applicant.hostinfo },
    ...{ capver: applicant.capver, userId, tags, method, authKey, isApproved, by: proof.by },
    expiry: endOf(deps, applicant, proof.lifetime),
    pools: deps.policy?.poolsFor(ownerFor({ userId, tags })),
    nowMs: deps.clock.now(),
  });
  (deps.meter ?? noMeter).count('registrations', { method, result: 'admitted' });
  deps.log('info', 'node.admitted', {
    ...{ node: node.id, name: node.givenName, method, ip: node.ipv4 },
    isApproved: node.approvedAt !== undefined,
  });
  return node;
}

function refuseUser(user: UserRecord | undefined): void {
  if (user === undefined)
    throw new RhumbError('conflict', 'its user is no longer there: ask an administrator for another key');
  if (!isActive(user)) throw new RhumbError('conflict', inactiveText(user));
}

function endOf(deps: LetInDeps, applicant: Applicant, lifetime: Lifetime | undefined): number | undefined {
  const usual = deps.keyLifetimeMs === 0 ? undefined : deps.clock.now() + deps.keyLifetimeMs;
  const ends = [applicant.requestedExpiry, lifetime === undefined ? usual : lifetime.endsAt];
  const known = ends.filter((one) => one !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** A key's tags are what its machines get; other machines get what they ask for and their user may give (policy.md §14.1). */
function tagsFor(
  policy: AdmissionPolicy | undefined,
  requested: readonly string[],
  { userId, authKey }: Proof,
): readonly string[] {
  const wanted = [...new Set(requested)].sort();
  const keyTags = authKey?.tags ?? [];
  if (keyTags.length > 0) {
    refuseTags(wanted.filter((tag) => !keyTags.includes(tag)));
    return keyTags;
  }
  const wellFormed = wanted.filter(isTag);
  const refused = policy === undefined ? wellFormed : policy.refusedTags(userId, [], wellFormed);
  refuseTags([...wanted.filter((tag) => !isTag(tag)), ...refused]);
  return wanted;
}

function refuseTags(refused: readonly string[]): void {
  if (refused.length > 0)
    throw new RhumbError(
      'not-allowed',
      `requested tags [${refused.map((tag) => tag.slice(0, 64)).join(' ')}] are invalid or not permitted`,
    );
}

/** The record of a key that is good now, or why it is not, in words for the machine's user. */
export function findAuthKey(network: Network, text: string, nowMs: number): AuthKeyRecord | string {
  const parsed = parseAuthKey(text);
  const key = parsed === undefined ? undefined : network.authKeyByPrefix(parsed.prefix);
  if (parsed === undefined || key === undefined || !sameHash(key.hash, parsed.hash))
    return 'invalid auth key: check that it was copied whole and comes from this server';
  const why = whyDead(key, nowMs);
  switch (why) {
    case undefined:
      break;
    case 'revoked':
      return 'auth key revoked: ask for a new one (rhumb-control preauthkeys create)';
    case 'expired':
      return 'auth key expired: ask for a new one (rhumb-control preauthkeys create)';
    case 'used':
      return key.reusable
        ? `auth key already used ${key.useCount} times: ask for a new one (rhumb-control preauthkeys create)`
        : 'auth key already used: ask for a new one, or for a reusable one (rhumb-control preauthkeys create --reusable)';
    default:
      why satisfies never;
  }
  return key;
}

/** Who lets a machine in, for the audit log, where the machine itself came with a key. */
export const keyActor = (key: AuthKeyRecord, remoteAddress: string | undefined): Actor => ({
  origin: 'node',
  id: String(key.id),
  name: key.description === '' ? `auth key ${key.id}` : `auth key ${key.id} (${key.description})`,
  remoteAddress,
});
