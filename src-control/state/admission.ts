/** Letting a machine in: as a new node, as the one it was, or as one that changes hands (coordination-server.md §4.2, policy.md §14.3). */
import { RhumbError } from '#shared/errors.ts';
import type { MachineKey, NodeKey } from '#shared/key/key.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import type { Actor, AuthKeyRecord, NodeRecord, RegisterMethod, Write } from '../store/records.ts';
import { whyDead } from './auth-keys.ts';
import { nodeChange, What } from './changes.ts';
import { labelFor } from './names.ts';
import { isExpired, type Network } from './network.ts';
import { nodeEntry } from './node-entry.ts';
import { followName, freeName } from './nodes.ts';
import { ownerText } from './ownership.ts';

export interface Admission {
  readonly machineKey: MachineKey;
  readonly nodeKey: NodeKey;
  /** Who signed in, or whose key it is; undefined when only tags own the machine. */
  readonly userId: number | undefined;
  /** What the machine is to have; with any it belongs to them and not to the user. */
  readonly tags: readonly string[];
  readonly hostinfo: Hostinfo;
  readonly capver: number;
  readonly method: RegisterMethod;
  /** Set when an auth key let it in; a use of it is counted in the same transaction. */
  readonly authKey: AuthKeyRecord | undefined;
  /** Of a user's machine; tagged ones don't expire. */
  readonly expiry: number | undefined;
  /** No administrator has to say yes any more. */
  readonly isApproved: boolean;
  /** Where the policy wants its IPv4 address from. */
  readonly pools: readonly string[] | undefined;
  readonly nowMs: number;
  readonly by: Actor;
}

type Owner = Pick<NodeRecord, 'userId' | 'tags'>;

/**
 * A machine that is here already keeps its id and addresses and moves to the new node key (control-protocol.md §8); any
 * other becomes a new node. Everything is looked at and decided before the first wait, so two requests can't both win.
 */
export async function admit(network: Network, admission: Admission): Promise<NodeRecord> {
  const known = findKnown(network, admission);
  const holder = network.nodeByKey(admission.nodeKey)?.record;
  if (holder !== undefined && holder.id !== known?.id)
    throw new RhumbError(
      'conflict',
      'this node key belongs to another machine: sign in again to get a new one',
    );
  const writes: Write[] = [...useOf(admission, known)];
  const record = known === undefined ? create(network, admission, writes) : renew(network, admission, known);
  writes.push({ put: 'node', value: record });
  await network.save({
    writes,
    changes: [nodeChange(record.id, whatChanged(known, record, admission.nowMs))],
    audit: [
      nodeEntry(
        record,
        {
          action: known === undefined ? 'create' : 'login',
          new: ownerText(network, record),
          old: known === undefined ? undefined : ownerText(network, known),
          details: `by ${admission.method}`,
        },
        admission.nowMs,
        admission.by,
      ),
    ],
  });
  return record;
}

/** Who the machine will belong to, should it be new: what the policy is asked about. */
export const ownerFor = ({ userId, tags }: Owner): Owner =>
  tags.length > 0 ? { userId: undefined, tags } : { userId, tags: [] };

/** The node that this machine is already; see the cases in policy.md §14.3. */
function findKnown(network: Network, admission: Admission): NodeRecord | undefined {
  const records = [...network.nodesOfMachine(admission.machineKey)].map(({ record }) => record);
  const tagged = records.find(({ userId }) => userId === undefined);
  const { userId, tags, authKey } = admission;
  const own = userId === undefined ? undefined : records.find((record) => record.userId === userId);
  if (tags.length > 0) return tagged ?? own ?? convertible(records, userId) ?? successor(network, authKey);
  if (own !== undefined) return own;
  // Nobody else's: whoever signs in on a tagged machine takes it over, as its tags are nobody to ask.
  return (records.length === 1 ? tagged : undefined) ?? successor(network, authKey);
}

/** A key for tags makes the one user's machine into theirs; which of several can't be known. */
function convertible(records: readonly NodeRecord[], userId: number | undefined): NodeRecord | undefined {
  if (userId !== undefined || records.length === 0) return undefined;
  if (records.length > 1)
    throw new RhumbError(
      'conflict',
      'this machine belongs to several users: an administrator has to delete the nodes that are not needed',
    );
  return records[0];
}

/** A key with a fixed address stands for one machine: who comes with it takes the place of who had it and is away. */
function successor(network: Network, key: AuthKeyRecord | undefined): NodeRecord | undefined {
  if (key === undefined || (key.ipv4 === undefined && key.ipv6 === undefined)) return undefined;
  for (const { record, isOnline } of network.nodes())
    if (!isOnline && record.authKeyId === key.id && (record.ipv4 === key.ipv4 || record.ipv6 === key.ipv6))
      return record;
  return undefined;
}

/** A one-shot key is used up by whatever it lets in; of others only new machines count. */
function useOf(admission: Admission, known: NodeRecord | undefined): readonly Write[] {
  const { authKey: key, nowMs } = admission;
  if (key === undefined || (key.reusable && known !== undefined)) return [];
  if (whyDead(key, nowMs) !== undefined) return [];
  const value = { ...key, usedAt: key.usedAt ?? nowMs, useCount: key.useCount + 1 };
  return [{ put: 'authKey', value }];
}

function create(network: Network, admission: Admission, writes: Write[]): NodeRecord {
  const { authKey: key, nowMs, hostinfo } = admission;
  const { id, write } = network.nextId('node');
  writes.push(write);
  const owner = ownerFor(admission);
  return {
    ...addressesFor(network, admission),
    id,
    discoKey: undefined,
    hostname: hostinfo.Hostname ?? '',
    givenName: freeName(network, key?.hostname ?? labelFor(hostinfo.Hostname ?? ''), id),
    givenNameLocked: key?.hostname !== undefined,
    createdAt: nowMs,
    lastSeen: undefined,
    endpoints: [],
    endpointTypes: [],
    homeDerp: 0,
    ...admitted(admission),
    ...owner,
    expiry: owner.userId === undefined ? undefined : admission.expiry,
    ephemeral: key?.ephemeral ?? false,
    approvedRoutes: [],
    approvedAt: admission.isApproved ? nowMs : undefined,
    disabledAt: undefined,
    keyExpiryDisabled: false,
    attributes: {},
    routePriority: undefined,
    createdBy: admission.by.name,
  };
}

/** Both or none: what is taken and not saved would be lost until a restart, and a refused machine asks again and again. */
function addressesFor(
  { addresses }: Network,
  { authKey: key, nowMs, pools }: Admission,
): Pick<NodeRecord, 'ipv4' | 'ipv6'> {
  const fixed4 = key?.ipv4 === undefined ? undefined : addresses.check('ipv4', key.ipv4);
  const fixed6 = key?.ipv6 === undefined ? undefined : addresses.check('ipv6', key.ipv6);
  const ipv4 = fixed4 ?? addresses.take('ipv4', nowMs, pools);
  try {
    return { ipv4, ipv6: fixed6 ?? addresses.take('ipv6', nowMs) };
  } catch (error) {
    if (fixed4 === undefined) addresses.giveBack(ipv4);
    throw error;
  }
}

function renew(network: Network, admission: Admission, known: NodeRecord): NodeRecord {
  const hostname = admission.hostinfo.Hostname ?? '';
  const owner = renewedOwner(admission, known);
  const isUsers = owner.userId !== undefined;
  return {
    ...known,
    ...admitted(admission),
    ...owner,
    // What it knows of its network is not in a register request.
    hostinfo: { ...admission.hostinfo, NetInfo: admission.hostinfo.NetInfo ?? known.hostinfo.NetInfo },
    hostname,
    givenName: followName(network, known, hostname),
    ephemeral: admission.authKey?.ephemeral ?? known.ephemeral,
    approvedAt: approvedAlready(admission, known) ?? (admission.isApproved ? admission.nowMs : undefined),
    expiry:
      isUsers && !known.keyExpiryDisabled
        ? admission.expiry
        : known.userId === undefined && !isExpired(known, admission.nowMs)
          ? known.expiry
          : undefined,
  };
}

/** The yes was for that machine, not for another one that takes its place. */
const approvedAlready = ({ machineKey }: Admission, known: NodeRecord): number | undefined =>
  known.machineKey === machineKey ? known.approvedAt : undefined;

/**
 * A key that lets a tagged machine in again leaves it the tags it has: an administrator may have changed them since, and a
 * container comes with the same key at each start. A person who signs in decides anew.
 */
function renewedOwner(admission: Admission, known: NodeRecord): Owner {
  if (admission.authKey !== undefined && known.userId === undefined)
    return { userId: undefined, tags: known.tags };
  return ownerFor(admission);
}

const admitted = (admission: Admission) => ({
  machineKey: admission.machineKey,
  nodeKey: admission.nodeKey,
  hostinfo: admission.hostinfo,
  capver: admission.capver,
  registerMethod: admission.method,
  authKeyId: admission.authKey?.id,
});

/** A plain renewal is only another key to its peers. */
function whatChanged(known: NodeRecord | undefined, record: NodeRecord, nowMs: number): number {
  if (known === undefined) return What.Whole | What.Key | What.Tags | What.Routes;
  const what = What.Key | What.Expiry;
  const isOther = known.userId !== record.userId || known.tags.join() !== record.tags.join();
  const isAdmittedNow = known.approvedAt !== record.approvedAt;
  const isElsewhere = known.machineKey !== record.machineKey;
  if (isOther || isAdmittedNow || isElsewhere) return what | What.Whole | What.Tags | What.Routes;
  return isExpired(known, nowMs) || known.givenName !== record.givenName ? what | What.Whole : what;
}
