/** The SSH policy of one machine in wire form (policy.md §11.2). */
import type { SelectorUse, SshRule } from '../language/ast.ts';
import { isLocalpart, localpartDomain } from '../language/check-ssh.ts';
import {
  type Addr,
  addrText,
  isEmpty,
  overlaps,
  type RangeSet,
  rangesOf,
  setOfAddrs,
  union,
} from '../sets/ranges.ts';
import type { Machine } from './network.ts';
import type { Resolver } from './resolver.ts';

export interface WireSshRule {
  readonly principals: readonly { readonly nodeIP: string }[];
  readonly sshUsers: Readonly<Record<string, string>>;
  readonly action: WireSshAction;
  readonly acceptEnv?: readonly string[];
}

export interface WireSshAction {
  readonly accept?: boolean;
  readonly reject?: boolean;
  readonly message?: string;
  readonly holdAndDelegate?: string;
  readonly allowAgentForwarding?: boolean;
  readonly allowLocalPortForwarding?: boolean;
  readonly allowRemotePortForwarding?: boolean;
  readonly recorders?: readonly string[];
  readonly onRecordingFailure?: Readonly<Record<string, string>>;
}

const ACCEPT: WireSshAction = {
  accept: true,
  allowAgentForwarding: true,
  allowLocalPortForwarding: true,
  allowRemotePortForwarding: true,
};
/** The client puts the numbers and the login in. */
const CHECK_PATH = '/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID?local_user=$LOCAL_USER';
const RECORDER_PORT = 80;
const NO_RECORDER = 'this session must be recorded, and no recorder is available';

type Principals = readonly { readonly nodeIP: string }[];

/** One rule with everything resolved that is the same for all destinations. */
export interface PreparedSsh {
  readonly rule: SshRule;
  readonly isCheck: boolean;
  readonly common: Omit<WireSshRule, 'principals'>;
  readonly localparts: ReadonlyMap<number, string> | undefined;
  readonly owners: readonly { readonly id: number; readonly principals: Principals }[];
  readonly tagged: Principals;
  readonly sources: ReadonlySet<number>;
  readonly hasSelf: boolean;
  readonly hasOther: boolean;
  readonly destinations: ReadonlySet<number>;
}

const principal = (addr: Addr): { readonly nodeIP: string } => ({ nodeIP: addrText(addr) });
const ascending = (machines: readonly Machine[]): Principals =>
  rangesOf(setOfAddrs(machines.flatMap(({ addrs }) => addrs))).flatMap(([first, last]) =>
    eachOf(first, last).map(principal),
  );

/** Sets of machines' addresses are never wide. */
function eachOf(first: Addr, last: Addr): Addr[] {
  const out: Addr[] = [];
  if (typeof first === 'number') for (let at = first; at <= last; at++) out.push(at);
  else for (let at = first; at <= last; at++) out.push(at);
  return out;
}

export class SshCompiler {
  readonly #prepared: readonly PreparedSsh[];

  constructor(resolver: Resolver, serverUrl: string) {
    this.#prepared = (resolver.ast.ssh ?? []).flatMap((rule) => prepareSsh(resolver, rule, serverUrl) ?? []);
  }

  rulesFor(machine: Machine): readonly WireSshRule[] {
    return sshRulesFor(this.#prepared, machine);
  }
}

/** Checks before accepts, each in the order of the policy: the client takes the first that matches. */
export function sshRulesFor(prepared: readonly PreparedSsh[], machine: Machine): readonly WireSshRule[] {
  const all = prepared.flatMap((one) =>
    rulesOf(one, machine).map((rule) => ({ rule, isCheck: one.isCheck })),
  );
  return [...all.filter(({ isCheck }) => isCheck), ...all.filter(({ isCheck }) => !isCheck)].map(
    ({ rule }) => rule,
  );
}

export function prepareSsh(resolver: Resolver, rule: SshRule, serverUrl: string): PreparedSsh | undefined {
  const postures = resolver.posturesOf(rule.srcPosture);
  const set = union(rule.src.map((use) => resolver.sourceSet(use, postures)));
  if (isEmpty(set)) return undefined;
  const sources = machinesIn(resolver, rule.src, set, postures.length > 0);
  const byOwner = new Map<number, Machine[]>();
  for (const machine of sources) {
    if (machine.isTagged || machine.userId === undefined) continue;
    byOwner.set(machine.userId, [...(byOwner.get(machine.userId) ?? []), machine]);
  }
  const targets = union(
    rule.dst
      .filter(({ selector }) => selector.text !== 'autogroup:self')
      .map(({ selector }) => resolver.setOf(selector)),
  );
  return {
    rule,
    isCheck: rule.action === 'check',
    common: commonPart(resolver, rule, serverUrl),
    localparts: localpartsOf(resolver, rule),
    owners: [...byOwner]
      .sort(([a], [b]) => a - b)
      .map(([id, machines]) => ({ id, principals: ascending(machines) })),
    // Once per tag, as the wire has it elsewhere (policy.md §11.2).
    tagged: sources.flatMap(({ tags, addrs }) => tags.flatMap(() => addrs.map(principal))),
    sources: new Set(sources.map(({ index }) => index)),
    hasSelf: rule.dst.some(({ selector }) => selector.text === 'autogroup:self'),
    hasOther: rule.dst.some(({ selector }) => selector.text !== 'autogroup:self'),
    destinations: new Set(
      machinesIn(
        resolver,
        rule.dst.filter(({ selector }) => selector.text !== 'autogroup:self'),
        targets,
        false,
      ).map(({ index }) => index),
    ),
  };
}

/** The machines of a set that selectors stand for: without a posture those that they name. */
function machinesIn(
  resolver: Resolver,
  uses: readonly SelectorUse[],
  set: RangeSet,
  hasPosture: boolean,
): readonly Machine[] {
  if (hasPosture) return resolver.machines.filter(({ addrSet }) => overlaps(addrSet, set));
  const named = new Set(uses.flatMap(({ selector }) => resolver.machinesOf(selector)));
  return [...named].sort((a, b) => a.index - b.index);
}

function commonPart(resolver: Resolver, rule: SshRule, serverUrl: string): Omit<WireSshRule, 'principals'> {
  const logins = rule.users.map(({ text }) => text);
  const users = new Map<string, string>();
  if (logins.includes('autogroup:nonroot')) users.set('*', '=');
  users.set('root', logins.includes('root') ? 'root' : '');
  for (const login of logins)
    if (login !== 'root' && login !== 'autogroup:nonroot' && !isLocalpart(login)) users.set(login, login);
  const sshUsers = Object.fromEntries([...users].sort(([a], [b]) => (a < b ? -1 : 1)));
  const action = actionOf(resolver, rule, serverUrl);
  return rule.acceptEnv.length === 0 ? { sshUsers, action } : { sshUsers, action, acceptEnv: rule.acceptEnv };
}

function actionOf(resolver: Resolver, rule: SshRule, serverUrl: string): WireSshAction {
  const base = rule.action === 'accept' ? ACCEPT : { holdAndDelegate: `${serverUrl}${CHECK_PATH}` };
  if (rule.recorder.length === 0) return base;
  const online = rule.recorder
    .flatMap(({ text }) => resolver.tagged(text))
    .filter(({ isOnline }) => isOnline);
  const recorders = [...new Set(online)].flatMap(({ addrs }) =>
    addrs.map((addr) =>
      typeof addr === 'number'
        ? `${addrText(addr)}:${RECORDER_PORT}`
        : `[${addrText(addr)}]:${RECORDER_PORT}`,
    ),
  );
  if (!rule.isRecorderEnforced) return recorders.length === 0 ? base : { ...base, recorders };
  // Without a recorder an enforced rule lets nobody in, and says so.
  if (recorders.length === 0) return { reject: true, message: NO_RECORDER };
  const onRecordingFailure = {
    RejectSessionWithMessage: NO_RECORDER,
    TerminateSessionWithMessage: NO_RECORDER,
  };
  return { ...base, recorders, onRecordingFailure };
}

/** By owner, the login that `localpart:*@domain` gives; undefined when the rule has no such entry. */
function localpartsOf(resolver: Resolver, rule: SshRule): ReadonlyMap<number, string> | undefined {
  const entries = rule.users.filter(({ text }) => isLocalpart(text));
  if (entries.length === 0) return undefined;
  const domains = new Set(entries.map(({ text }) => localpartDomain(text)?.toLowerCase()));
  const found = new Map<number, string>();
  for (const { id, email } of resolver.directory.all) {
    const at = email.lastIndexOf('@');
    if (at > 0 && domains.has(email.slice(at + 1).toLowerCase())) found.set(id, email.slice(0, at));
  }
  return found;
}

function rulesOf(one: PreparedSsh, machine: Machine): WireSshRule[] {
  const { common, localparts, owners } = one;
  const ownedBy = (id: number | undefined): typeof owners => owners.filter((owner) => owner.id === id);
  const forOwner = ({ id, principals }: { id: number; principals: Principals }): WireSshRule[] => {
    const local = localparts?.get(id);
    const rules = [{ principals, ...common }];
    return local === undefined ? rules : [...rules, { principals, ...common, sshUsers: { [local]: local } }];
  };
  const self = one.hasSelf && !machine.isTagged ? ownedBy(machine.userId).flatMap(forOwner) : [];
  const tagged = one.tagged.length > 0 ? [{ principals: one.tagged, ...common }] : [];
  if (one.destinations.has(machine.index)) {
    if (localparts !== undefined) return [...self, ...owners.flatMap(forOwner), ...tagged];
    const principals = [...owners.flatMap((owner) => owner.principals), ...one.tagged];
    return principals.length === 0 ? self : [...self, { principals, ...common }];
  }
  // A machine may reach itself as its owner (policy.md §11.2).
  if (localparts === undefined || !one.hasOther || !one.sources.has(machine.index)) return self;
  const own = machine.isTagged
    ? [{ principals: machine.addrs.map(principal), ...common }]
    : ownedBy(machine.userId).flatMap(forOwner);
  return [...self, ...own];
}
