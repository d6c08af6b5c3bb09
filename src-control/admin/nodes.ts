/** Calls about machines of the network and those that wait to be let in. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { shortKey } from '#shared/key/key.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import type { PendingMachine } from '../auth/pending.ts';
import { approve } from '../auth/register.ts';
import { isExpired, type NodeView } from '../state/network.ts';
import { expireNode, removeNode, renameNode } from '../state/nodes.ts';
import { name, nothing } from './args.ts';
import { defineCall } from './call.ts';
import { type AdminDeps, live } from './deps.ts';
import { findNode, findUser, onlyUser } from './find.ts';
import { timeJson } from './time-json.ts';
import { ownerJson, type UserJson } from './users.ts';

export interface NodeJson {
  readonly id: number;
  /** The machine's name in the network; `given_name` is the same under Headscale's name for it. */
  readonly name: string;
  readonly given_name: string;
  /** What the machine calls itself. */
  readonly hostname: string;
  readonly fqdn: string;
  readonly machine_key: string;
  readonly node_key: string;
  readonly disco_key: string | null;
  readonly ip_addresses: readonly string[];
  /** `tagged-devices` for machines that belong to tags. */
  readonly user: UserJson;
  readonly tags: readonly string[];
  readonly register_method: string;
  readonly ephemeral: boolean;
  readonly online: boolean;
  readonly expired: boolean;
  readonly expiry: string | null;
  readonly last_seen: string | null;
  readonly created_at: string;
  readonly os: string;
  readonly client_version: string;
  readonly capability_version: number;
  readonly endpoints: readonly string[];
}

export interface PendingJson {
  readonly id: string;
  readonly name: string;
  readonly os: string;
  readonly address: string;
  readonly key: string;
  readonly url: string;
  readonly created_at: string;
}

export function nodeJson(deps: AdminDeps, view: NodeView): NodeJson {
  const { record } = view;
  const expired = isExpired(record, deps.clock.now());
  return {
    id: record.id,
    name: record.givenName,
    given_name: record.givenName,
    hostname: record.hostname,
    fqdn: `${record.givenName}.${deps.baseDomain}`,
    machine_key: record.machineKey,
    node_key: record.nodeKey,
    disco_key: record.discoKey ?? null,
    ip_addresses: [record.ipv4, record.ipv6],
    user: ownerJson(deps.network, record.userId),
    tags: record.tags,
    register_method: record.registerMethod,
    ephemeral: record.ephemeral,
    online: view.isOnline && !expired,
    expired,
    expiry: timeJson(record.expiry),
    last_seen: timeJson(record.lastSeen),
    created_at: formatTime(record.createdAt),
    os: record.hostinfo.OS ?? '',
    client_version: record.hostinfo.IPNVersion ?? '',
    capability_version: record.capver,
    endpoints: record.endpoints,
  };
}

const pendingJson = (machine: PendingMachine, serverUrl: string): PendingJson => ({
  id: machine.id,
  name: machine.hostinfo.Hostname ?? '',
  os: machine.hostinfo.OS ?? '',
  address: machine.remoteAddress ?? '',
  key: shortKey(machine.nodeKey),
  url: `${serverUrl}/register/${machine.id}`,
  created_at: formatTime(machine.createdAt),
});

/** As it is by now. */
const again = (deps: AdminDeps, id: number): NodeJson => nodeJson(deps, findNode(deps.network, String(id)));

export const nodeCalls = {
  'nodes.list': defineCall({
    arg: z.strictObject({ user: name.optional() }),
    scope: 'devices:core:read',
    run: async (deps, { user }) => {
      const owner = user === undefined ? undefined : findUser(deps.network, user);
      return [...deps.network.nodes()]
        .filter((view) => owner === undefined || view.record.userId === owner.id)
        .map((view) => nodeJson(deps, view));
    },
  }),
  'nodes.pending': defineCall({
    arg: nothing,
    scope: 'devices:core:read',
    run: async ({ live }) =>
      (live?.register.pending.list() ?? []).map((machine) =>
        pendingJson(machine, live?.register.serverUrl ?? ''),
      ),
  }),
  'nodes.approve': defineCall({
    arg: z.strictObject({ request: z.string().min(1).max(2_048), user: name.optional() }),
    scope: 'devices:core',
    run: async (deps, { request, user }) => {
      const { register } = live(deps, 'no machine waits');
      const id = request.slice(request.lastIndexOf('/') + 1);
      const machine = register.pending.get(id);
      if (machine === undefined)
        throw new RhumbError(
          'not-found',
          `no machine waits under ${id}: it was approved, or is older than 15 minutes (see nodes pending)`,
        );
      const owner = user === undefined ? onlyUser(deps.network) : findUser(deps.network, user);
      const node = await approve(register, machine, owner.id, 'cli');
      return again(deps, node.id);
    },
  }),
  'nodes.expire': defineCall({
    arg: z.strictObject({ node: name }),
    scope: 'devices:core',
    run: async (deps, { node }) => {
      const { record } = findNode(deps.network, node);
      await expireNode(deps.network, record, deps.clock.now());
      return again(deps, record.id);
    },
  }),
  'nodes.delete': defineCall({
    arg: z.strictObject({ node: name }),
    scope: 'devices:core',
    run: async (deps, { node }) => {
      const view = findNode(deps.network, node);
      await removeNode(deps.network, view.record);
      return nodeJson(deps, { ...view, isOnline: false });
    },
  }),
  'nodes.rename': defineCall({
    arg: z.strictObject({ node: name, newName: name }),
    scope: 'devices:core',
    run: async (deps, { node, newName }) => {
      const { record } = findNode(deps.network, node);
      await renameNode(deps.network, record, newName);
      return again(deps, record.id);
    },
  }),
};
