/** What administrators and time do to a machine: renamed, expired, approved, disabled, deleted. Each is one save with its line in the audit log. */
import { RhumbError } from '#shared/errors.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import type { Actor, NodeRecord, Write } from '../store/records.ts';
import { nodeChange, What } from './changes.ts';
import { labelFor, parseLabel, uniqueLabel } from './names.ts';
import { isExpired, type Network } from './network.ts';
import { type Deed, nodeEntry, SYSTEM } from './node-entry.ts';

/** The name of a machine whose host name may have changed. */
export const followName = (network: Network, known: NodeRecord, hostname: string): string =>
  known.givenNameLocked || hostname === known.hostname
    ? known.givenName
    : freeName(network, labelFor(hostname), known.id);

export function freeName(network: Network, base: string, ownId: number): string {
  return uniqueLabel(base, (label) => {
    const holder = network.nodeByName(label);
    return (holder !== undefined && holder.record.id !== ownId) || network.isReserved(label);
  });
}

/** One machine as it is to be from now on, who made it so, and what that means for others. */
export async function changeNode(
  network: Network,
  value: NodeRecord,
  what: number,
  deed: Deed,
  by: Actor,
): Promise<NodeRecord> {
  await network.save({
    writes: [{ put: 'node', value }],
    changes: [nodeChange(value.id, what)],
    audit: [nodeEntry(value, deed, network.nowMs, by)],
  });
  return value;
}

const timeText = (ms: number | undefined): string => (ms === undefined ? 'never' : formatTime(ms));

/** Ends the node's key now, or at a time; undefined means never. Its streams and its peers are told. */
export async function setExpiry(
  network: Network,
  record: NodeRecord,
  expiry: number | undefined,
  by: Actor = SYSTEM,
): Promise<void> {
  const deed = { action: 'update', property: 'expiry', old: timeText(record.expiry), new: timeText(expiry) };
  await changeNode(network, { ...record, expiry }, What.Whole, deed, by);
}

/** Whatever the usual lifetime, the key of this machine doesn't end; or does again, at `endsAt`. */
export async function setExpiryDisabled(
  network: Network,
  record: NodeRecord,
  isDisabled: boolean,
  endsAt: number | undefined,
  by: Actor,
): Promise<void> {
  if (record.keyExpiryDisabled === isDisabled) return;
  const value = { ...record, keyExpiryDisabled: isDisabled, expiry: isDisabled ? undefined : endsAt };
  const deed = {
    action: 'update',
    property: 'keyExpiryDisabled',
    old: String(!isDisabled),
    new: String(isDisabled),
  };
  await changeNode(network, value, What.Whole, deed, by);
}

/** A machine may only ask for an earlier end of its key (control-protocol.md §8, "Shortening"). */
export async function shortenExpiry(
  network: Network,
  record: NodeRecord,
  expiry: number,
  by: Actor,
): Promise<void> {
  if (record.expiry === undefined || expiry < record.expiry) await setExpiry(network, record, expiry, by);
}

/** Machines that their user signed in at a provider stay for as long as it vouches; those that are out stay out. */
export async function prolongNodes(
  network: Network,
  userId: number,
  until: number,
  nowMs: number,
): Promise<void> {
  const records = [...network.nodes()]
    .map(({ record }) => record)
    .filter((record) => record.userId === userId && record.registerMethod === 'oidc')
    .filter((record) => record.expiry !== undefined && record.expiry < until && !isExpired(record, nowMs));
  if (records.length === 0) return;
  await network.save({
    writes: records.map((record) => ({ put: 'node', value: { ...record, expiry: until } })),
    changes: records.map(({ id }) => nodeChange(id, What.Whole)),
  });
}

/** The key ends now, never further in the past. */
export async function expireNode(
  network: Network,
  record: NodeRecord,
  nowMs: number,
  by: Actor = SYSTEM,
): Promise<void> {
  if (isExpired(record, nowMs)) return;
  const deed = { action: 'expire', old: timeText(record.expiry), new: timeText(nowMs) };
  await changeNode(network, { ...record, expiry: nowMs }, What.Whole, deed, by);
}

/** Logout: the key ends; an ephemeral machine goes altogether. */
export async function logOut(
  network: Network,
  record: NodeRecord,
  nowMs: number,
  by: Actor = SYSTEM,
): Promise<void> {
  if (record.ephemeral) await removeNode(network, record, by);
  else await expireNode(network, record, nowMs, by);
}

export async function renameNode(
  network: Network,
  record: NodeRecord,
  name: string,
  by: Actor = SYSTEM,
): Promise<NodeRecord> {
  const givenName = parseLabel(name);
  const holder = network.nodeByName(givenName);
  if (holder !== undefined && holder.record.id !== record.id)
    throw new RhumbError(
      'conflict',
      `the name "${givenName}" belongs to node ${holder.record.id}: choose another`,
    );
  const deed = { action: 'update', property: 'name', old: record.givenName, new: givenName };
  return changeNode(network, { ...record, givenName, givenNameLocked: true }, What.Whole, deed, by);
}

/** From now on the machine is called as it calls itself. */
export async function unlockName(network: Network, record: NodeRecord, by: Actor): Promise<NodeRecord> {
  if (!record.givenNameLocked) return record;
  const givenName = freeName(network, labelFor(record.hostname), record.id);
  const deed = { action: 'update', property: 'name', old: record.givenName, new: givenName };
  return changeNode(network, { ...record, givenName, givenNameLocked: false }, What.Whole, deed, by);
}

/** Whether the machine is in the network: approved, not yet approved, or taken out for the time being. */
export type Admittance = 'approved' | 'waiting' | 'disabled' | 'enabled';

export async function setAdmittance(
  network: Network,
  record: NodeRecord,
  to: Admittance,
  by: Actor,
): Promise<NodeRecord> {
  const now = network.nowMs;
  const { approvedAt, disabledAt } = record;
  const next = {
    approved: { approvedAt: approvedAt ?? now, disabledAt },
    waiting: { approvedAt: undefined, disabledAt },
    disabled: { approvedAt, disabledAt: disabledAt ?? now },
    enabled: { approvedAt, disabledAt: undefined },
  }[to];
  if (next.approvedAt === approvedAt && next.disabledAt === disabledAt) return record;
  const action = { approved: 'approve', waiting: 'unapprove', disabled: 'disable', enabled: 'enable' }[to];
  return changeNode(network, { ...record, ...next }, What.Whole | What.Tags, { action }, by);
}

/** Its addresses rest for a while, so that rules and names that mean it don't mean somebody else's machine. */
export async function removeNode(network: Network, record: NodeRecord, by: Actor = SYSTEM): Promise<void> {
  await network.save({
    writes: [
      { remove: 'node', id: record.id },
      ...(record.ephemeral ? [] : restAddresses(network, [record.ipv4, record.ipv6])),
    ],
    changes: [{ kind: 'removed', id: record.id }],
    audit: [nodeEntry(record, { action: 'delete' }, network.nowMs, by)],
  });
}

/** What keeps freed addresses from being given for a while; entries whose time is over go at the same time. */
export function restAddresses(network: Network, addresses: readonly string[]): readonly Write[] {
  const { quarantineMs } = network.addresses;
  if (quarantineMs === 0 || addresses.length === 0) return [];
  const now = network.nowMs;
  const over: Write[] = [...network.freedAddresses.values()]
    .filter(({ until, address }) => until <= now || addresses.includes(address))
    .map(({ id }) => ({ remove: 'freedAddress', id }));
  const { id, write } = network.nextId('freedAddress', addresses.length);
  const fresh: Write[] = addresses.map((address, at) => ({
    put: 'freedAddress',
    value: { id: id + at, address, until: now + quarantineMs },
  }));
  return [...over, write, ...fresh];
}
