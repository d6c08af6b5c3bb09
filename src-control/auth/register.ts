/** POST /machine/register: acts on the decision and answers (control-protocol.md §4.2, §10). */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { MachineKey, NodeKey } from '#shared/key/key.ts';
import { shortKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { type Hostinfo, hostinfo as hostinfoSchema } from '#shared/wire/hostinfo.ts';
import type { RegisterRequest } from '#shared/wire/register.ts';
import { cleanHostinfo } from '../state/hostinfo.ts';
import { isExpired, type Network } from '../state/network.ts';
import { admit, logOut, shortenExpiry } from '../state/nodes.ts';
import { loginName, ownerOf } from '../state/users.ts';
import type { AuthKeyRecord, NodeRecord, RegisterMethod, UserRecord } from '../store/records.ts';
import { decide } from './decide.ts';
import type { PendingMachine, PendingMachines } from './pending.ts';
import { parseAuthKey, sameHash } from './secrets.ts';

export interface RegisterDeps {
  readonly network: Network;
  readonly pending: PendingMachines;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverUrl: string;
  /** Lifetime of a machine's key; 0 = never ends. */
  readonly keyLifetimeMs: number;
}

/** Who asks, as the control channel proved it. */
export interface Caller {
  readonly machineKey: MachineKey;
  readonly remoteAddress: string | undefined;
}

export type ValidRegister = RegisterRequest & { readonly NodeKey: NodeKey };

/** The body of the answer, in the member order of the protocol; every member is always there. */
export type RegisterAnswer = ReturnType<typeof answerWith>;

function answerWith(facts: {
  readonly user?: UserRecord | undefined;
  readonly isExpired?: boolean;
  readonly isAuthorized?: boolean;
  readonly authUrl?: string;
  readonly error?: string;
}) {
  const { user } = facts;
  return {
    User: { ID: user?.id ?? 0, DisplayName: user?.displayName ?? '' },
    Login: {
      ID: user?.id ?? 0,
      Provider: '',
      LoginName: user === undefined ? '' : loginName(user),
      DisplayName: user?.displayName ?? '',
    },
    NodeKeyExpired: facts.isExpired ?? false,
    MachineAuthorized: facts.isAuthorized ?? false,
    AuthURL: facts.authUrl ?? '',
    NodeKeySignature: null,
    Error: facts.error ?? '',
  };
}

/** Throws only what is no fault of the request: the state can't be written, or the caller went away. */
export async function register(
  deps: RegisterDeps,
  request: ValidRegister,
  caller: Caller,
  signal: AbortSignal,
): Promise<RegisterAnswer> {
  const { network, clock } = deps;
  const decision = decide(network, request, caller.machineKey, clock.now());
  deps.log('debug', 'register.decided', { machine: shortKey(caller.machineKey), way: decision.kind });
  switch (decision.kind) {
    case 'logout':
      await logOut(network, decision.node, clock.now());
      deps.log('info', 'node.logged-out', { node: decision.node.id, name: decision.node.givenName });
      return answerWith({ isExpired: true });
    case 'already-out':
    case 'key-expired':
      return answerWith({ isExpired: true });
    case 'refresh':
      if (decision.shortenTo !== undefined) await shortenExpiry(network, decision.node, decision.shortenTo);
      // The machine may have been let in a moment ago, by a request that still waits for the disk.
      await network.settled();
      return welcome(deps, decision.node);
    case 'followup':
      return followUp(deps, request, caller, decision.pendingId, signal);
    case 'auth-key':
      return byAuthKey(deps, request, caller, decision.text);
    case 'interactive':
      return beginInteractive(deps, request, caller);
    case 'refuse':
      deps.log('warn', 'register.refused', { machine: shortKey(caller.machineKey), why: decision.text });
      return answerWith({ error: decision.text });
    default:
      return decision satisfies never;
  }
}

function welcome(deps: RegisterDeps, node: NodeRecord): RegisterAnswer {
  const expired = isExpired(node, deps.clock.now());
  return answerWith({ user: ownerOf(deps.network, node), isExpired: expired, isAuthorized: !expired });
}

async function followUp(
  deps: RegisterDeps,
  request: ValidRegister,
  caller: Caller,
  pendingId: string,
  signal: AbortSignal,
): Promise<RegisterAnswer> {
  const waiting = deps.pending.get(pendingId);
  const isTheirs = waiting?.machineKey === caller.machineKey && waiting.nodeKey === request.NodeKey;
  // Without anything to wait for the machine gets a new address to show, or it would ask for ever.
  if (waiting !== undefined && !isTheirs) return beginInteractive(deps, request, caller);
  const verdict = await deps.pending.wait(pendingId, signal);
  if (verdict === undefined) return beginInteractive(deps, request, caller);
  if (verdict.kind === 'refused') return answerWith({ error: verdict.text });
  const node = deps.network.node(verdict.nodeId)?.record;
  if (node?.machineKey !== caller.machineKey || node.nodeKey !== request.NodeKey)
    return beginInteractive(deps, request, caller);
  return welcome(deps, node);
}

function beginInteractive(deps: RegisterDeps, request: ValidRegister, caller: Caller): RegisterAnswer {
  const hostinfo = readHostinfo(request);
  if (hostinfo instanceof RhumbError) return answerWith({ error: hostinfo.message });
  const machine = deps.pending.open({
    machineKey: caller.machineKey,
    nodeKey: request.NodeKey,
    hostinfo,
    capver: request.Version,
    requestedExpiry: request.Expiry,
    remoteAddress: caller.remoteAddress,
  });
  deps.log('info', 'register.waits', {
    machine: shortKey(caller.machineKey),
    hostname: hostinfo.Hostname ?? '',
    from: caller.remoteAddress,
  });
  return answerWith({ authUrl: `${deps.serverUrl}/register/${machine.id}` });
}

async function byAuthKey(
  deps: RegisterDeps,
  request: ValidRegister,
  caller: Caller,
  text: string,
): Promise<RegisterAnswer> {
  const now = deps.clock.now();
  const key = findAuthKey(deps.network, text, now);
  if (typeof key === 'string') {
    deps.log('warn', 'register.refused', {
      machine: shortKey(caller.machineKey),
      why: key,
      from: caller.remoteAddress,
    });
    return answerWith({ error: key });
  }
  return admitWith(
    deps,
    { ...caller, ...facts(request), nodeKey: request.NodeKey },
    'authkey',
    key.userId,
    key,
  );
}

/** The record of a key that is good now, or why it is not, in words for the machine's user. */
function findAuthKey(network: Network, text: string, nowMs: number): AuthKeyRecord | string {
  const parsed = parseAuthKey(text);
  const key = parsed === undefined ? undefined : network.authKeyByPrefix(parsed.prefix);
  if (parsed === undefined || key === undefined || !sameHash(key.hash, parsed.hash))
    return 'invalid auth key: check that it was copied whole and comes from this server';
  if (key.expiresAt !== undefined && key.expiresAt <= nowMs)
    return 'auth key expired: ask for a new one (rhumb-control preauthkeys create)';
  if (!key.reusable && key.usedAt !== undefined)
    return 'auth key already used: ask for a new one, or for a reusable one (rhumb-control preauthkeys create --reusable)';
  const owner = key.userId === undefined ? undefined : network.user(key.userId);
  if (owner?.suspendedAt !== undefined) return suspendedText(owner);
  return key;
}

const suspendedText = (user: UserRecord): string =>
  `user ${user.name} may no longer sign in at ${user.identity?.provider ?? 'the provider'}: sign in there again, or ask an administrator`;

/** When the machine's key ends, where that is not the server's usual; undefined = never. */
export interface Lifetime {
  readonly endsAt: number | undefined;
}

interface Applicant {
  readonly machineKey: MachineKey;
  readonly nodeKey: NodeKey;
  readonly hostinfo: Hostinfo | RhumbError;
  readonly capver: number;
  readonly requestedExpiry: number | undefined;
}

const facts = (request: ValidRegister) => ({
  hostinfo: readHostinfo(request),
  capver: request.Version,
  requestedExpiry: request.Expiry,
});

async function admitWith(
  deps: RegisterDeps,
  applicant: Applicant,
  method: RegisterMethod,
  userId: number | undefined,
  authKey: AuthKeyRecord | undefined,
): Promise<RegisterAnswer> {
  if (applicant.hostinfo instanceof RhumbError) return answerWith({ error: applicant.hostinfo.message });
  try {
    const node = await admitApplicant(
      deps,
      { ...applicant, hostinfo: applicant.hostinfo },
      method,
      userId,
      authKey,
    );
    return welcome(deps, node);
  } catch (error) {
    if (error instanceof RhumbError && error.code === 'conflict') return answerWith({ error: error.message });
    throw error;
  }
}

async function admitApplicant(
  deps: RegisterDeps,
  applicant: Applicant & { readonly hostinfo: Hostinfo },
  method: RegisterMethod,
  userId: number | undefined,
  authKey: AuthKeyRecord | undefined,
  lifetime?: Lifetime,
): Promise<NodeRecord> {
  const nowMs = deps.clock.now();
  const owner = userId === undefined ? undefined : deps.network.user(userId);
  if (owner?.suspendedAt !== undefined) throw new RhumbError('conflict', suspendedText(owner));
  const usual = deps.keyLifetimeMs === 0 ? undefined : nowMs + deps.keyLifetimeMs;
  const ends = [applicant.requestedExpiry, lifetime === undefined ? usual : lifetime.endsAt];
  const known = ends.filter((one) => one !== undefined);
  const node = await admit(deps.network, {
    machineKey: applicant.machineKey,
    nodeKey: applicant.nodeKey,
    hostinfo: applicant.hostinfo,
    capver: applicant.capver,
    userId,
    method,
    authKey,
    expiry: known.length === 0 ? undefined : Math.min(...known),
    nowMs,
  });
  deps.log('info', 'node.admitted', { node: node.id, name: node.givenName, method, ip: node.ipv4 });
  return node;
}

/** An administrator says yes, by code or on the command line: the machine gets in and its waiting request is answered. */
export async function approve(
  deps: RegisterDeps,
  machine: PendingMachine,
  userId: number,
  method: RegisterMethod,
  lifetime?: Lifetime,
): Promise<NodeRecord> {
  const node = await admitApplicant(deps, machine, method, userId, undefined, lifetime);
  deps.pending.settle(machine.id, { kind: 'approved', nodeId: node.id });
  return node;
}

function readHostinfo(request: ValidRegister): Hostinfo | RhumbError {
  try {
    return cleanHostinfo(request.Hostinfo ?? hostinfoSchema.parse({}));
  } catch (error) {
    if (error instanceof RhumbError) return error;
    throw error;
  }
}
