/** One policy and one network to everything that each machine would get: what people check in their own CI. */
import { CompiledPolicy } from '../compile/compiled.ts';
import type { WireRule } from '../compile/filter.ts';
import type { Machine, PolicyNetwork } from '../compile/network.ts';
import type { NodeCapMap } from '../compile/node-attrs.ts';
import type { WireSshRule } from '../compile/ssh.ts';
import type { PolicyAst } from '../language/ast.ts';
import { checkPolicy } from '../language/check.ts';
import { readPolicy } from '../language/read-policy.ts';
import { Report } from '../text/diagnostic.ts';
import { checkUsers } from '../verdict/check-users.ts';
import { runSshTests } from '../verdict/run-ssh-tests.ts';
import { runTests } from '../verdict/run-tests.ts';
import { warnOfNetwork, warnOfText } from '../verdict/warnings.ts';

export interface CheckedPolicy {
  readonly report: Report;
  /** Undefined when there are errors. */
  readonly ast: PolicyAst | undefined;
}

/** All stages that need no network (policy.md §6.1, 1–4). */
export function checkText(text: string): CheckedPolicy {
  const report = new Report(text);
  const ast = readPolicy(text, report);
  if (ast !== undefined) checkPolicy(ast, report);
  if (ast !== undefined && !report.hasErrors) warnOfText(ast, report);
  return { report, ast: report.hasErrors ? undefined : ast };
}

export interface CompiledText {
  readonly report: Report;
  /** Undefined when the policy, or one of its tests, is bad. */
  readonly compiled: CompiledPolicy | undefined;
}

/** All stages, tests included; the policy is good only when all of them are. */
export function compileText(text: string, network: PolicyNetwork, serverUrl: string): CompiledText {
  const { report, ast } = checkText(text);
  if (ast === undefined) return { report, compiled: undefined };
  checkUsers(ast, network.users, report);
  if (report.hasErrors) return { report, compiled: undefined };
  const compiled = new CompiledPolicy(ast, network, { serverUrl });
  warnOfNetwork(compiled, report);
  runTests(ast, network, report);
  runSshTests(compiled, report);
  return { report, compiled: report.hasErrors ? undefined : compiled };
}

export interface ErrorJson {
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

export interface NodeJson {
  readonly packet_filter_rules: readonly WireRule[];
  readonly peers: readonly string[];
  readonly allowed_ips: Readonly<Record<string, readonly string[]>>;
  readonly ssh_rules: readonly WireSshRule[];
  readonly cap_map: NodeCapMap;
  readonly auto_approved: readonly string[];
}

export interface OfflineAnswer {
  readonly errors: readonly ErrorJson[];
  readonly nodes: Readonly<Record<string, NodeJson>>;
}

function nodeJson(compiled: CompiledPolicy, machine: Machine): NodeJson {
  const peers = compiled.peersOf(machine);
  return {
    packet_filter_rules: compiled.filterOf(machine),
    peers: peers.map(({ name }) => name),
    allowed_ips: Object.fromEntries(peers.map((peer) => [peer.name, compiled.allowedIps(machine, peer)])),
    ssh_rules: compiled.sshRulesOf(machine) ?? [],
    cap_map: compiled.capMapOf(machine),
    auto_approved: compiled.autoApprovedOf(machine).map(({ text }) => text),
  };
}

export const errorsJson = (report: Report): readonly ErrorJson[] =>
  report.all
    .filter(({ severity }) => severity === 'error')
    .map(({ message, range }) => ({ message, line: range.start.line, column: range.start.column }));

/** The answer of `policy compile`: errors, or every machine by name. */
export function offlineAnswer({ report, compiled }: CompiledText): OfflineAnswer {
  if (compiled === undefined) return { errors: errorsJson(report), nodes: {} };
  const nodes = compiled.machines.map((machine) => [machine.name, nodeJson(compiled, machine)] as const);
  return { errors: [], nodes: Object.fromEntries(nodes) };
}
