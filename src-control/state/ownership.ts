/** Whom a machine belongs to, and what is said about it: its user or its tags, its addresses, its attributes. */
import { RhumbError } from '#shared/errors.ts';
import type { Actor, NodeAttribute, NodeRecord, UserRecord } from '../store/records.ts';
import { nodeChange, What } from './changes.ts';
import type { Network } from './network.ts';
import { nodeEntry } from './node-entry.ts';
import { changeNode, restAddresses } from './nodes.ts';

const MAX_TAGS = 64;

/** `tag:name` with a letter first, as the policy has them; sorted, each once. Throws `bad-argument`. */
export function parseTags(texts: readonly string[]): readonly string[] {
  const bad = texts.find((text) => !isTag(text));
  if (bad !== undefined)
    throw new RhumbError(
      'bad-argument',
      `"${bad.slice(0, 64)}" is not a tag: write tag:name, a letter first`,
    );
  const tags = [...new Set(texts)].sort();
  if (tags.length > MAX_TAGS)
    throw new RhumbError('bad-argument', `a machine can have ${MAX_TAGS} tags, not ${tags.length}`);
  return tags;
}

export const isTag = (text: string): boolean => /^tag:[a-zA-Z][a-zA-Z0-9-]{0,62}$/.test(text);

/** From now on it belongs to its tags: nobody's machine any more, with a key that doesn't end (policy.md §14.2). */
export async function tagNode(
  network: Network,
  record: NodeRecord,
  tags: readonly string[],
  by: Actor,
): Promise<NodeRecord> {
  if (tags.length === 0)
    throw new RhumbError(
      'bad-argument',
      'a machine belongs to a user or has a tag: give it to a user (nodes move) instead of taking the last tag',
    );
  refuseSecond(network, record, undefined);
  const isNew = record.userId !== undefined;
  const value = { ...record, userId: undefined, tags, expiry: isNew ? undefined : record.expiry };
  const deed = { action: 'update', property: 'tags', old: ownerText(network, record), new: tags.join(' ') };
  return changeNode(network, value, What.Whole | What.Tags, deed, by);
}

/** Another user's machine from now on; name, addresses and approved routes stay. */
export async function moveNode(
  network: Network,
  record: NodeRecord,
  to: UserRecord,
  by: Actor,
): Promise<NodeRecord> {
  if (record.userId === to.id) return record;
  refuseSecond(network, record, to);
  const deed = { action: 'update', property: 'owner', old: ownerText(network, record), new: to.name };
  return changeNode(network, { ...record, userId: to.id, tags: [] }, What.Whole | What.Tags, deed, by);
}

/** A machine is in the network once per owner, or its next sign-in would not know which one it is. */
export function refuseSecond(network: Network, record: NodeRecord, to: UserRecord | undefined): void {
  const other = network.nodeOfMachine(record.machineKey, to?.id)?.record;
  if (other !== undefined && other.id !== record.id)
    throw new RhumbError(
      'conflict',
      `the same machine is already node ${other.id} (${other.givenName}) of ${to === undefined ? 'its tags' : `user ${to.name}`}: delete one of the two first`,
    );
}

export const ownerText = (network: Network, { userId, tags }: NodeRecord): string =>
  userId === undefined ? tags.join(' ') : (network.user(userId)?.name ?? `user ${userId}`);

export interface NewAddresses {
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
}

/** Gives it the addresses that an administrator chose; connections through the old ones end. */
export async function setAddresses(
  network: Network,
  record: NodeRecord,
  wanted: NewAddresses,
  by: Actor,
): Promise<NodeRecord> {
  const { addresses } = network;
  const choose = (family: 'ipv4' | 'ipv6'): string => {
    const text = wanted[family];
    return text === undefined || text === record[family] ? record[family] : addresses.check(family, text);
  };
  const value = { ...record, ipv4: choose('ipv4'), ipv6: choose('ipv6') };
  const freed = [record.ipv4, record.ipv6].filter((text) => text !== value.ipv4 && text !== value.ipv6);
  if (freed.length === 0) return record;
  const deed = {
    action: 'update',
    property: 'addresses',
    old: `${record.ipv4} ${record.ipv6}`,
    new: `${value.ipv4} ${value.ipv6}`,
  };
  await network.save({
    writes: [{ put: 'node', value }, ...restAddresses(network, freed)],
    changes: [nodeChange(value.id, What.Whole | What.Tags)],
    audit: [nodeEntry(value, deed, network.nowMs, by)],
  });
  return value;
}

const MAX_ATTRIBUTES = 64;
const MAX_VALUE = 256;

export interface AttributeChange {
  readonly key: string;
  /** Undefined takes it away. */
  readonly value: NodeAttribute['value'] | undefined;
  readonly expiresAt?: number | undefined;
  readonly comment?: string | undefined;
}

/** Posture attributes that administrators set are `custom:…`; what the server finds itself has other names (policy.md §5.6). */
export async function setAttribute(
  network: Network,
  record: NodeRecord,
  { key, value, expiresAt, comment = '' }: AttributeChange,
  by: Actor,
): Promise<NodeRecord> {
  if (!/^custom:[A-Za-z][A-Za-z0-9_]{0,49}$/.test(key))
    throw new RhumbError(
      'bad-argument',
      `"${key.slice(0, 64)}" can't be an attribute: write custom:name with letters, digits and "_"`,
    );
  const now = network.nowMs;
  if (typeof value === 'string' && value.length > MAX_VALUE)
    throw new RhumbError('bad-argument', `the value of ${key} is longer than ${MAX_VALUE} characters`);
  if (expiresAt !== undefined && expiresAt <= now)
    throw new RhumbError('bad-argument', `${key} can't end in the past`);
  const { [key]: was, ...others } = record.attributes;
  if (value === undefined && was === undefined) return record;
  const attributes =
    value === undefined ? others : { ...others, [key]: { value, updatedAt: now, expiresAt, comment } };
  if (Object.keys(attributes).length > MAX_ATTRIBUTES)
    throw new RhumbError(
      'bad-argument',
      `a machine can have ${MAX_ATTRIBUTES} attributes: remove some first`,
    );
  const deed = {
    action: 'update',
    property: key,
    old: was === undefined ? undefined : String(was.value),
    new: value === undefined ? undefined : String(value),
    details: comment === '' ? undefined : comment,
  };
  return changeNode(network, { ...record, attributes }, What.Tags, deed, by);
}

/** What holds now: an attribute that has ended is as if it had never been. */
export const currentAttributes = (
  record: NodeRecord,
  nowMs: number,
): readonly (readonly [string, NodeAttribute])[] =>
  Object.entries(record.attributes).filter(
    ([, { expiresAt }]) => expiresAt === undefined || expiresAt > nowMs,
  );
