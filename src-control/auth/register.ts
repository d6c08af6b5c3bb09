/** POST /machine/register: acts on the decision and answers (control-protocol.md §4.2, §10). */
import { RhumbError } from '#shared/errors.ts';
import type { MachineKey, NodeKey } from '#shared/key/key.ts';
import { shortKey } from '#shared/key/key.ts';
import { type Hostinfo, hostinfo as hostinfoSchema } from '#shared/wire/hostinfo.ts';
import type { RegisterRequest } from '#shared/wire/register.ts';
import { cleanHostinfo } from '../state/hostinfo.ts';
import { noMeter } from '../state/meter.ts';
import { isAdmitted, isExpired } from '../state/network.ts';
import { actorOf } from '../state/node-entry.ts';
import { logOut, shortenExpiry } from '../state/nodes.ts';
import { loginName, ownerOf } from '../state/users.ts';
import type { Actor, NodeRecord, RegisterMethod, UserRecord } from '../store/records.ts';
import { decide } from './decide.ts';
import { adoptImportedKey } from './imported-keys.ts';
import { findAuthKey, keyActor, type LetInDeps, type Lifetime, letIn } from './let-in.ts';
import type { PendingMachine, PendingMachines } from './pending.ts';

export interface RegisterDeps extends LetInDeps {
  readonly pending: PendingMachines;
  readonly serverUrl: string;
  /** What a machine may call this network when it wants this one and no other; undefined = it isn't looked at. */
  readonly tailnet?: string | undefined;
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
  const keyText = request.Auth?.AuthKey ?? '';
  // Before anything is decided: from there to the save nothing may wait, or a machine that asks twice gets two answers.
  if (keyText !== '') await adoptImportedKey(network, keyText);
  const decision = decide(network, request, caller.machineKey, clock.now(), deps.tailnet);
  deps.log('debug', 'register.decided', { machine: shortKey(caller.machineKey), way: decision.kind });
  switch (decision.kind) {
    case 'logout':
      await logOut(network, decision.node, clock.now(), machineActor(decision.node, caller));
      deps.log('info', 'node.logged-out', { node: decision.node.id, name: decision.node.givenName });
      return answerWith({ isExpired: true });
    case 'already-out':
    case 'key-expired':
      return answerWith({ isExpired: true });
    case 'refresh':
      if (decision.shortenTo !== undefined)
        await shortenExpiry(network, decision.node, decision.shortenTo, machineActor(decision.node, caller));
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
      return refuse(deps, caller, 'none', decision.text);
    default:
      return decision satisfies never;
  }
}

function welcome(deps: RegisterDeps, node: NodeRecord): RegisterAnswer {
  const expired = isExpired(node, deps.clock.now());
  // A machine that waits for approval goes on to its map, where it is told so, and of the day when it is in.
  const isAuthorized = !expired && isAdmitted(node);
  return answerWith({ user: ownerOf(deps.network, node), isExpired: expired, isAuthorized });
}

const machineActor = (node: NodeRecord, { remoteAddress }: Caller): Actor => ({
  ...{ origin: 'node', id: String(node.id), name: node.givenName, remoteAddress },
});

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
  (deps.meter ?? noMeter).count('registrations', { method: 'interactive', result: 'waits' });
  return answerWith({ authUrl: `${deps.serverUrl}/register/${machine.id}` });
}

async function byAuthKey(
  deps: RegisterDeps,
  request: ValidRegister,
  caller: Caller,
  text: string,
): Promise<RegisterAnswer> {
  const key = findAuthKey(deps.network, text, deps.clock.now());
  if (typeof key === 'string') {
    (deps.meter ?? noMeter).count('auth_failures', { surface: 'machine', reason: 'authkey' });
    return refuse(deps, caller, 'authkey', key);
  }
  const hostinfo = readHostinfo(request);
  if (hostinfo instanceof RhumbError) return refuse(deps, caller, 'authkey', hostinfo.message);
  try {
    const node = await letIn(
      deps,
      { machineKey: caller.machineKey, hostinfo, ...facts(request) },
      { method: 'authkey', userId: key.userId, authKey: key, by: keyActor(key, caller.remoteAddress) },
    );
    return welcome(deps, node);
  } catch (error) {
    if (error instanceof RhumbError && (error.code === 'conflict' || error.code === 'not-allowed'))
      return refuse(deps, caller, 'authkey', error.message);
    throw error;
  }
}

/** Costs nothing and changes nothing: a refused client asks again every half minute (control-protocol.md §11, 51). */
function refuse(deps: RegisterDeps, caller: Caller, method: string, why: string): RegisterAnswer {
  (deps.meter ?? noMeter).count('registrations', { method, result: 'refused' });
  deps.log('warn', 'register.refused', {
    machine: shortKey(caller.machineKey),
    why,
    from: caller.remoteAddress,
  });
  return answerWith({ error: why });
}

const facts = (request: ValidRegister) => ({
  nodeKey: request.NodeKey,
  capver: request.Version,
  requestedExpiry: request.Expiry,
});

/** An administrator or a provider says yes: the machine gets in and its waiting request is answered. */
export async function approve(
  deps: RegisterDeps,
  machine: PendingMachine,
  userId: number,
  method: RegisterMethod,
  lifetime?: Lifetime,
  by: Actor = personActor(deps.network.user(userId), method, machine.remoteAddress),
): Promise<NodeRecord> {
  const node = await letIn(deps, machine, { method, userId, lifetime, by });
  deps.pending.settle(machine.id, { kind: 'approved', nodeId: node.id });
  return node;
}

/** Somebody who signed in on the machine's page. */
const personActor = (
  user: UserRecord | undefined,
  method: RegisterMethod,
  remoteAddress: string | undefined,
): Actor => ({
  origin: method === 'oidc' ? 'oidc' : method === 'cli' ? 'cli' : 'console',
  id: user === undefined ? '' : String(user.id),
  name: user?.name ?? '',
  remoteAddress,
});

/** The machine's request is answered with a no, in the administrator's words. */
export async function reject(
  deps: RegisterDeps,
  machine: PendingMachine,
  reason: string,
  by: Actor,
): Promise<void> {
  const name = machine.hostinfo.Hostname ?? '';
  const entry = {
    at: deps.clock.now(),
    actor: actorOf(by),
    action: 'reject',
    target: { type: 'auth-request', id: machine.id, name },
    details: reason === '' ? undefined : reason,
  };
  await deps.network.save({ writes: [], audit: [entry] });
  const text = reason === '' ? 'an administrator refused this machine' : reason;
  deps.pending.settle(machine.id, { kind: 'refused', text });
}

function readHostinfo(request: ValidRegister): Hostinfo | RhumbError {
  try {
    return cleanHostinfo(request.Hostinfo ?? hostinfoSchema.parse({}));
  } catch (error) {
    if (error instanceof RhumbError) return error;
    throw error;
  }
}
