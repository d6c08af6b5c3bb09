/** The administrator's calls carried out on the network; the same code behind the socket and without a server. */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { shortKey } from '#shared/key/key.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import type { PendingMachine } from '../auth/pending.ts';
import { approve, type RegisterDeps } from '../auth/register.ts';
import { mintAdminCode, mintAuthKey } from '../auth/secrets.ts';
import type { SignIn } from '../oidc/sign-in.ts';
import { isExpired, type Network, type NodeView } from '../state/network.ts';
import { expireNode, removeNode, renameNode } from '../state/nodes.ts';
import { addAdminCode, addAuthKey, createUser, expireAuthKey, TAGGED_DEVICES } from '../state/users.ts';
import type { AuthKeyRecord, UserRecord } from '../store/records.ts';
import type {
  AdminArg,
  AdminCall,
  AdminResults,
  AuthKeyJson,
  NodeJson,
  OidcStatusJson,
  PendingJson,
  UserJson,
} from './admin-calls.ts';

export interface AdminDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly baseDomain: string;
  /** Undefined without a server: nothing can wait for approval then. */
  readonly register: RegisterDeps | undefined;
  /** Undefined without a server as well: what is fetched and embedded is there only while one runs. */
  readonly derpMap: (() => DerpMap | undefined) | undefined;
  /** Likewise; gives undefined where no provider is configured. */
  readonly signIn: (() => SignIn | undefined) | undefined;
}

type Handlers = {
  readonly [K in AdminCall]: (deps: AdminDeps, arg: AdminArg<K>) => Promise<AdminResults[K]>;
};

export async function carryOut<K extends AdminCall>(
  deps: AdminDeps,
  call: K,
  arg: AdminArg<K>,
): Promise<AdminResults[K]> {
  return handlers[call](deps, arg);
}

const handlers: Handlers = {
  'users.create': async ({ network, clock }, { name, displayName }) =>
    userJson(await createUser(network, name, displayName ?? '', clock.now())),
  'users.list': async ({ network }) => [...network.users()].map(userJson),
  'preauthkeys.create': createKey,
  'preauthkeys.list': async (deps, { user }) => {
    const owner = user === undefined ? undefined : findUser(deps.network, user);
    const keys = [...deps.network.authKeys()];
    return keys
      .filter((key) => owner === undefined || key.userId === owner.id)
      .map((key) => keyJson(deps, key));
  },
  'preauthkeys.expire': async (deps, { key }) => {
    const record = findKey(deps.network, key);
    await expireAuthKey(deps.network, record, deps.clock.now());
    return keyJson(deps, findKey(deps.network, String(record.id)));
  },
  'nodes.list': async (deps, { user }) => {
    const owner = user === undefined ? undefined : findUser(deps.network, user);
    const nodes = [...deps.network.nodes()];
    return nodes
      .filter((view) => owner === undefined || view.record.userId === owner.id)
      .map((view) => nodeJson(deps, view));
  },
  'nodes.pending': async ({ register }) =>
    (register?.pending.list() ?? []).map((machine) => pendingJson(machine, register?.serverUrl ?? '')),
  'nodes.approve': approveMachine,
  'nodes.expire': async (deps, { node }) => {
    const { record } = findNode(deps.network, node);
    await expireNode(deps.network, record, deps.clock.now());
    return nodeJson(deps, findNode(deps.network, String(record.id)));
  },
  'nodes.delete': async (deps, { node }) => {
    const view = findNode(deps.network, node);
    await removeNode(deps.network, view.record);
    return nodeJson(deps, { ...view, isOnline: false });
  },
  'nodes.rename': async (deps, { node, newName }) => {
    const { record } = findNode(deps.network, node);
    await renameNode(deps.network, record, newName);
    return nodeJson(deps, findNode(deps.network, String(record.id)));
  },
  'derp.map': async ({ derpMap }) => {
    if (derpMap === undefined)
      throw new RhumbError(
        'unavailable',
        'no server runs on this state directory, so there is no relay map: start rhumb-control serve',
      );
    return derpMap() ?? { HomeParams: undefined, Regions: {}, omitDefaultRegions: true };
  },
  'oidc.status': async ({ signIn }) => {
    if (signIn === undefined)
      throw new RhumbError(
        'unavailable',
        'no server runs on this state directory, so nobody can sign in: start rhumb-control serve',
      );
    return oidcJson(signIn());
  },
  'admin-code.create': async ({ network, clock }, { user, expirationMs }) => {
    const owner = user === undefined ? onlyUser(network) : findUser(network, user);
    const { text, hash } = mintAdminCode();
    const createdAt = clock.now();
    const expiresAt = createdAt + expirationMs;
    await addAdminCode(network, { hash, userId: owner.id, createdAt, expiresAt });
    return { code: text, user: userJson(owner), expiration: formatTime(expiresAt) };
  },
};

async function createKey(deps: AdminDeps, arg: AdminArg<'preauthkeys.create'>): Promise<AuthKeyJson> {
  const owner = findUser(deps.network, arg.user);
  const minted = mintAuthKey();
  const createdAt = deps.clock.now();
  const record = await addAuthKey(deps.network, {
    prefix: minted.prefix,
    hash: minted.hash,
    userId: owner.id,
    reusable: arg.reusable,
    ephemeral: arg.ephemeral,
    createdAt,
    expiresAt: arg.expirationMs === 0 ? undefined : createdAt + arg.expirationMs,
  });
  return { ...keyJson(deps, record), key: minted.text };
}

async function approveMachine(deps: AdminDeps, arg: AdminArg<'nodes.approve'>): Promise<NodeJson> {
  const { register, network } = deps;
  if (register === undefined)
    throw new RhumbError(
      'unavailable',
      'no server runs on this state directory, so no machine waits: start rhumb-control serve',
    );
  const id = arg.request.slice(arg.request.lastIndexOf('/') + 1);
  const machine = register.pending.get(id);
  if (machine === undefined)
    throw new RhumbError(
      'not-found',
      `no machine waits under ${id}: it was approved, or is older than 15 minutes (see nodes pending)`,
    );
  const owner = arg.user === undefined ? onlyUser(network) : findUser(network, arg.user);
  const node = await approve(register, machine, owner.id, 'cli');
  return nodeJson(deps, findNode(network, String(node.id)));
}

function findUser(network: Network, text: string): UserRecord {
  const user = network.userByName(text) ?? (/^\d+$/.test(text) ? network.user(Number(text)) : undefined);
  if (user === undefined)
    throw new RhumbError(
      'not-found',
      `no user "${text}": see users list, or make one with users create ${text}`,
    );
  return user;
}

function onlyUser(network: Network): UserRecord {
  const [first, second] = network.users();
  if (first === undefined)
    throw new RhumbError('not-found', 'there is no user yet: make one with users create NAME');
  if (second !== undefined)
    throw new RhumbError('bad-argument', 'there are several users: say with --user whose machine it will be');
  return first;
}

function findNode(network: Network, text: string): NodeView {
  const byId = /^\d+$/.test(text) ? network.node(Number(text)) : undefined;
  const label = text.toLowerCase().split('.', 1)[0] ?? '';
  const view = byId ?? network.nodeByName(label);
  if (view === undefined) throw new RhumbError('not-found', `no node "${text}": see nodes list`);
  return view;
}

/** By id, by its public beginning, or by the whole key. */
function findKey(network: Network, text: string): AuthKeyRecord {
  const prefix = /^(?:rhkey-auth-)?([0-9A-Za-z]{12})(?:-|$)/.exec(text)?.[1];
  const byPrefix = prefix === undefined ? undefined : network.authKeyByPrefix(prefix);
  const key = byPrefix ?? (/^\d+$/.test(text) ? network.authKey(Number(text)) : undefined);
  if (key === undefined) throw new RhumbError('not-found', 'no such auth key: see preauthkeys list');
  return key;
}

const timeJson = (ms: number | undefined): string | null => (ms === undefined ? null : formatTime(ms));

const userJson = (user: UserRecord): UserJson => ({
  id: user.id,
  name: user.name,
  display_name: user.displayName,
  email: user.identity?.email ?? null,
  provider: user.identity?.provider ?? '',
  provider_id: user.identity === undefined ? '' : `${user.identity.issuer}/${user.identity.subject}`,
  profile_pic_url: user.identity?.pictureUrl ?? '',
  groups: user.identity?.groups ?? [],
  suspended: user.suspendedAt !== undefined,
  last_login_at: timeJson(user.identity?.lastLoginAt),
  created_at: formatTime(user.createdAt),
});

function ownerJson(network: Network, id: number | undefined): UserJson {
  const user = id === undefined ? TAGGED_DEVICES : network.user(id);
  if (user === undefined) throw new RhumbError('internal', `user ${id} is missing`);
  return userJson(user);
}

const oidcJson = (signIn: SignIn | undefined): OidcStatusJson => ({
  redirect_uri: signIn?.redirectUri ?? '',
  providers: (signIn?.providers ?? []).map(({ state: { isReady, problem, ...rest } }) => ({
    ...rest,
    ready: isReady,
    problem: problem ?? null,
  })),
  counts: Object.fromEntries(signIn?.counts ?? []),
});

const keyJson = (deps: AdminDeps, key: AuthKeyRecord): AuthKeyJson => ({
  id: key.id,
  key: `rhkey-auth-${key.prefix}-***`,
  user: ownerJson(deps.network, key.userId),
  reusable: key.reusable,
  ephemeral: key.ephemeral,
  used: key.usedAt !== undefined,
  expiration: timeJson(key.expiresAt),
  expired: key.expiresAt !== undefined && key.expiresAt <= deps.clock.now(),
  created_at: formatTime(key.createdAt),
});

function nodeJson(deps: AdminDeps, view: NodeView): NodeJson {
  const { record } = view;
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
    register_method: record.registerMethod,
    ephemeral: record.ephemeral,
    online: view.isOnline && !isExpired(record, deps.clock.now()),
    expired: isExpired(record, deps.clock.now()),
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
