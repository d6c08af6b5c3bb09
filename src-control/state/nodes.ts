/** What can happen to a machine: let in, renewed, renamed, expired, deleted. Each is one save. */
import { RhumbError } from '#shared/errors.ts';
import type { MachineKey, NodeKey } from '#shared/key/key.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import type { AuthKeyRecord, NodeRecord, RegisterMethod, Write } from '../store/records.ts';
import { nodeChange, What } from './changes.ts';
import { labelFor, parseLabel, uniqueLabel } from './names.ts';
import { isExpired, type Network } from './network.ts';

export interface Admission {
  readonly machineKey: MachineKey;
  readonly nodeKey: NodeKey;
  /** Undefined when only tags own it. */
  readonly userId: number | undefined;
  readonly hostinfo: Hostinfo;
  readonly capver: number;
  readonly method: RegisterMethod;
  /** Set when an auth key let it in; a one-shot key is used up in the same transaction. */
  readonly authKey: AuthKeyRecord | undefined;
  readonly expiry: number | undefined;
  readonly nowMs: number;
}

/**
 * Lets a machine in. One that its user has already keeps its id and addresses and moves to the new node key
 * (control-protocol.md §8); any other becomes a new node.
 */
export async function admit(network: Network, admission: Admission): Promise<NodeRecord> {
  const holder = network.nodeByKey(admission.nodeKey)?.record;
  const known = network.nodeOfMachine(admission.machineKey, admission.userId)?.record;
  if (holder !== undefined && holder.id !== known?.id)
    throw new RhumbError(
      'conflict',
      'this node key belongs to another machine: sign in again to get a new one',
    );
  const writes: Write[] = [];
  const { authKey, nowMs } = admission;
  if (authKey !== undefined && authKey.usedAt === undefined)
    writes.push({ put: 'authKey', value: { ...authKey, usedAt: nowMs } });
  const record = known === undefined ? create(network, admission, writes) : renew(network, admission, known);
  writes.push({ put: 'node', value: record });
  const wasWhole = known === undefined || isExpired(known, nowMs) || known.givenName !== record.givenName;
  const what = wasWhole ? What.Whole : What.Key | What.Expiry;
  await network.save({ writes, changes: [nodeChange(record.id, what)] });
  return record;
}

function create(network: Network, admission: Admission, writes: Write[]): NodeRecord {
  const { id, write } = network.nextId('node');
  writes.push(write);
  return {
    ipv4: network.addresses.take('ipv4', admission.nowMs),
    ipv6: network.addresses.take('ipv6', admission.nowMs),
    id,
    discoKey: undefined,
    hostname: admission.hostinfo.Hostname ?? '',
    givenName: freeName(network, admission.hostinfo.Hostname ?? '', id),
    givenNameLocked: false,
    createdAt: admission.nowMs,
    lastSeen: undefined,
    endpoints: [],
    endpointTypes: [],
    homeDerp: 0,
    ...admitted(admission),
    ephemeral: admission.authKey?.ephemeral ?? false,
    tags: admission.authKey?.tags ?? [],
    approvedRoutes: [],
    approvedAt: admission.nowMs,
    disabledAt: undefined,
    keyExpiryDisabled: false,
    attributes: {},
    routePriority: undefined,
    createdBy: '',
  };
}

function renew(network: Network, admission: Admission, known: NodeRecord): NodeRecord {
  const hostname = admission.hostinfo.Hostname ?? '';
  return {
    ...known,
    ...admitted(admission),
    hostname,
    givenName: followName(network, known, hostname),
    ephemeral: admission.authKey?.ephemeral ?? known.ephemeral,
  };
}

const admitted = (admission: Admission) => ({
  machineKey: admission.machineKey,
  nodeKey: admission.nodeKey,
  userId: admission.userId,
  hostinfo: admission.hostinfo,
  capver: admission.capver,
  registerMethod: admission.method,
  authKeyId: admission.authKey?.id,
  expiry: admission.expiry,
});

/** The name of a machine whose host name may have changed. */
export const followName = (network: Network, known: NodeRecord, hostname: string): string =>
  known.givenNameLocked || hostname === known.hostname
    ? known.givenName
    : freeName(network, hostname, known.id);

function freeName(network: Network, hostname: string, ownId: number): string {
  return uniqueLabel(labelFor(hostname), (label) => {
    const holder = network.nodeByName(label);
    return holder !== undefined && holder.record.id !== ownId;
  });
}

/** Ends the node's key now, or at a time; undefined means never. Its streams and its peers are told. */
export async function setExpiry(
  network: Network,
  record: NodeRecord,
  expiry: number | undefined,
): Promise<void> {
  const value = { ...record, expiry };
  await network.save({ writes: [{ put: 'node', value }], changes: [nodeChange(record.id, What.Whole)] });
}

/** A machine may only ask for an earlier end of its key (control-protocol.md §8, "Shortening"). */
export async function shortenExpiry(network: Network, record: NodeRecord, expiry: number): Promise<void> {
  if (record.expiry === undefined || expiry < record.expiry) await setExpiry(network, record, expiry);
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
export async function expireNode(network: Network, record: NodeRecord, nowMs: number): Promise<void> {
  if (!isExpired(record, nowMs)) await setExpiry(network, record, nowMs);
}

/** Logout: the key ends; an ephemeral machine goes altogether. */
export async function logOut(network: Network, record: NodeRecord, nowMs: number): Promise<void> {
  if (record.ephemeral) await removeNode(network, record);
  else await expireNode(network, record, nowMs);
}

export async function renameNode(network: Network, record: NodeRecord, name: string): Promise<NodeRecord> {
  const givenName = parseLabel(name);
  const holder = network.nodeByName(givenName);
  if (holder !== undefined && holder.record.id !== record.id)
    throw new RhumbError(
      'conflict',
      `the name "${givenName}" belongs to node ${holder.record.id}: choose another`,
    );
  const value = { ...record, givenName, givenNameLocked: true };
  await network.save({ writes: [{ put: 'node', value }], changes: [nodeChange(record.id, What.Whole)] });
  return value;
}

export async function removeNode(network: Network, record: NodeRecord): Promise<void> {
  await network.save({
    writes: [{ remove: 'node', id: record.id }],
    changes: [{ kind: 'removed', id: record.id }],
  });
}
