/** A policy compiled for a network: everything that a map response needs, made when asked for (policy.md §7.2, §15). */
import type { PolicyAst } from '../language/ast.ts';
import { addrText, type Cidr } from '../sets/ranges.ts';
import { withAppDns } from './app-dns.ts';
import { autoApproved } from './approve.ts';
import { appsServedBy } from './apps.ts';
import { type CompiledGrant, GrantCompiler, viaRules } from './compiled-grants.ts';
import { filterOf, SourceIds, type WireRule } from './filter.ts';
import { grantsOf } from './grants.ts';
import { asConnector, type Machine, machineOf, type PolicyNetwork } from './network.ts';
import { capMapOf, hasIpv4, type NodeCapMap } from './node-attrs.ts';
import { type PostureMode, Resolver } from './resolver.ts';
import { electPrimaries, type Primaries, Routes } from './routes.ts';
import { ALLOW_ALL, destinationSet, type Rule } from './rules.ts';
import { SshCompiler, type WireSshRule } from './ssh.ts';
import { type Matcher, Visibility } from './visibility.ts';

export interface CompileOptions {
  /** Where clients ask whether an SSH session may go on: the server's own URL, without a slash at the end. */
  readonly serverUrl: string;
  /** Who carried which prefix before. */
  readonly primaries?: Primaries;
  readonly postures?: PostureMode;
}

export class CompiledPolicy {
  readonly ast: PolicyAst;
  readonly resolver: Resolver;
  readonly grants: readonly CompiledGrant[];
  readonly primaries: Primaries;
  readonly #caps: readonly NodeCapMap[];
  readonly #options: CompileOptions;
  readonly #ids = new SourceIds();
  #visibility: Visibility | undefined;
  #routes: Routes | undefined;
  #ssh: SshCompiler | undefined;

  constructor(ast: PolicyAst, network: PolicyNetwork, options: CompileOptions) {
    this.ast = ast;
    this.#options = options;
    // Attributes choose machines by all their addresses; one of them may take the IPv4 address away (policy.md §5.10).
    const whole = new Resolver(
      ast,
      network.users,
      network.nodes.map((node, i) => machineOf(node, i)),
    );
    this.#caps = whole.machines.map((machine) => capMapOf(whole, machine));
    const machines = whole.machines.map((machine, i) => {
      const dressed =
        machine.ipv4 === undefined || hasIpv4(whole, machine, this.#caps[i])
          ? machine
          : machineOf(machine, i, false);
      return appsServedBy(whole, machine).length > 0 ? asConnector(dressed) : dressed;
    });
    this.resolver = new Resolver(ast, network.users, machines, options.postures);
    const compiler = new GrantCompiler(this.resolver);
    this.grants = ast.hasRules ? grantsOf(ast).map((grant) => compiler.compile(grant)) : [];
    this.primaries = electPrimaries(machines, options.primaries);
  }

  get machines(): readonly Machine[] {
    return this.resolver.machines;
  }

  /** All rules of a machine before they are cut down to it. */
  *rulesFor(machine: Machine): Generator<Rule> {
    if (!this.ast.hasRules) yield ALLOW_ALL;
    const owner = machine.isTagged ? undefined : machine.userId;
    for (const grant of this.grants) {
      yield* grant.rules;
      if (owner !== undefined) yield* grant.selfRules(owner);
      if (grant.via !== undefined) yield* viaRules(grant, machine);
    }
  }

  /** An empty list blocks everything. */
  filterOf(machine: Machine): readonly WireRule[] {
    const rules = filterOf(this.rulesFor(machine), machine, this.#ids);
    return machine.isConnector ? withAppDns(rules, machine) : rules;
  }

  peersOf(machine: Machine): readonly Machine[] {
    return [...this.#seen.peersOf(machine)].map((index) => this.machines[index] as Machine);
  }

  /** Those that a machine may begin to talk to, or to whose networks. */
  reachedFrom(machine: Machine): readonly Machine[] {
    return [...this.#seen.reachedFrom(machine)].map((index) => this.machines[index] as Machine);
  }

  /** As `viewer` has it: the peer's own addresses, then the routes that it may use. */
  allowedIps(viewer: Machine, peer: Machine): readonly string[] {
    this.#routes ??= new Routes(
      this.resolver,
      this.grants,
      (one, route) => this.#seen.canUse(one, route),
      this.primaries,
    );
    const own = peer.addrs.map((addr) => `${addrText(addr)}/${typeof addr === 'number' ? 32 : 128}`);
    return [...own, ...this.#routes.of(viewer, peer).map(({ text }) => text)];
  }

  /** Undefined when the policy says nothing about SSH (policy.md §11.1). */
  sshRulesOf(machine: Machine): readonly WireSshRule[] | undefined {
    if (this.ast.ssh === undefined) return undefined;
    this.#ssh ??= new SshCompiler(this.resolver, this.#options.serverUrl);
    return this.#ssh.rulesFor(machine);
  }

  capMapOf(machine: Machine): NodeCapMap {
    return this.#caps[machine.index] ?? {};
  }

  autoApprovedOf(machine: Machine): readonly Cidr[] {
    return autoApproved(this.resolver, machine);
  }

  get #seen(): Visibility {
    this.#visibility ??= new Visibility(this.machines, [...this.#matchers()]);
    return this.#visibility;
  }

  *#matchers(): Generator<Matcher> {
    if (!this.ast.hasRules) yield matcherOf(ALLOW_ALL);
    for (const grant of this.grants) {
      for (const rule of grant.rules) yield matcherOf(rule);
      yield* this.#scopedMatchers(grant);
    }
  }

  /** Of rules that only the machines of one owner, or one holder of a `via` tag, have. */
  *#scopedMatchers(grant: CompiledGrant): Generator<Matcher> {
    for (const owner of grant.grant.hasSelf ? this.resolver.owners : [])
      for (const rule of grant.selfRules(owner)) yield matcherOf(rule, this.resolver.ownedBy(owner));
    const holders = new Set(grant.via?.tags.flatMap((tag) => this.resolver.tagged(tag)));
    for (const holder of holders) for (const rule of viaRules(grant, holder)) yield matcherOf(rule, [holder]);
  }
}

const matcherOf = (rule: Rule, scope?: readonly Machine[]): Matcher => ({
  src: rule.sources.set,
  dst: destinationSet(rule),
  scope,
});
