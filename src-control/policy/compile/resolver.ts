/** What each selector stands for in a network: machines where it names machines, else addresses (policy.md §3). */
import type { PolicyAst, SelectorUse, Word } from '../language/ast.ts';
import { type Attributes, holds } from '../language/condition.ts';
import { isRoleGroup, type Selector } from '../language/selector.ts';
import {
  EMPTY,
  EVERYTHING,
  overlaps,
  type RangeSet,
  setOfAddrs,
  setOfCidrs,
  subtract,
  union,
} from '../sets/ranges.ts';
import { INTERNET, TAILNET } from '../sets/special.ts';
import type { Machine, PolicyUser } from './network.ts';
import { Directory } from './users.ts';

/** `machines` is undefined where only addresses are known. */
interface Resolved {
  readonly set: RangeSet;
  readonly machines: readonly Machine[] | undefined;
}

/** What postures say of a source; the two outer ones are for tests (policy.md §13.1). */
export type PostureMode = 'enforce' | 'assume-true' | 'assume-false' | Attributes;

export class Resolver {
  readonly ast: PolicyAst;
  readonly machines: readonly Machine[];
  readonly directory: Directory;
  readonly #mode: PostureMode;
  readonly #cache = new Map<string, Resolved>();
  readonly #byUser = new Map<number, Machine[]>();
  readonly #byTag = new Map<string, Machine[]>();

  constructor(
    ast: PolicyAst,
    users: readonly PolicyUser[],
    machines: readonly Machine[],
    mode: PostureMode = 'enforce',
  ) {
    this.ast = ast;
    this.machines = machines;
    this.directory = new Directory(ast, users);
    this.#mode = mode;
    for (const machine of machines) {
      if (!machine.isTagged && machine.userId !== undefined) push(this.#byUser, machine.userId, machine);
      for (const tag of new Set(machine.tags)) push(this.#byTag, tag, machine);
    }
  }

  setOf(selector: Selector): RangeSet {
    return this.#resolved(selector).set;
  }

  /** The machines that a selector names; for addresses those that have one of them. */
  machinesOf(selector: Selector): readonly Machine[] {
    const { machines, set } = this.#resolved(selector);
    return machines ?? this.machines.filter(({ addrSet }) => overlaps(addrSet, set));
  }

  ownedBy(userId: number): readonly Machine[] {
    return this.#byUser.get(userId) ?? [];
  }

  get owners(): Iterable<number> {
    return this.#byUser.keys();
  }

  tagged(tag: string): readonly Machine[] {
    return this.#byTag.get(tag) ?? [];
  }

  /** The set of a source under the rule's postures: only machines can pass one (policy.md §5.7). */
  sourceSet(use: SelectorUse, postures: readonly Word[]): RangeSet {
    const { set, machines } = this.#resolved(use.selector);
    if (postures.length === 0 || this.#mode === 'assume-true') return set;
    if (this.#mode === 'assume-false') return EMPTY;
    const candidates = use.selector.kind === 'any' ? this.machines : machines;
    if (candidates === undefined) return EMPTY;
    const passing = candidates.filter((machine) => this.#passes(machine, postures));
    return setOfAddrs(passing.flatMap((machine) => machine.addrs));
  }

  /** The postures of a rule: its own, else the policy's default. */
  posturesOf(own: readonly Word[] | undefined): readonly Word[] {
    return own ?? this.ast.defaultSrcPosture;
  }

  #passes(machine: Machine, postures: readonly Word[]): boolean {
    const attributes = typeof this.#mode === 'string' ? machine.attributes : this.#mode;
    const types = new Map([...this.ast.attrConfig].map(([name, { value }]) => [name, value.type] as const));
    return postures.some(({ text }) =>
      (this.ast.postures.get(text)?.value ?? []).every((condition) => holds(condition, attributes, types)),
    );
  }

  #resolved(selector: Selector): Resolved {
    const known = this.#cache.get(selector.text);
    if (known !== undefined) return known;
    const machines = this.#named(selector);
    const set =
      machines === undefined ? this.#literal(selector) : setOfAddrs(machines.flatMap(({ addrs }) => addrs));
    const resolved = { set, machines };
    this.#cache.set(selector.text, resolved);
    return resolved;
  }

  #ofUsers(ids: Iterable<number>): readonly Machine[] {
    return [...ids].flatMap((id) => this.ownedBy(id)).sort((a, b) => a.index - b.index);
  }

  #named(selector: Selector): readonly Machine[] | undefined {
    switch (selector.kind) {
      case 'user': {
        const found = this.directory.user(selector.text);
        return found.kind === 'one' ? this.ownedBy(found.user.id) : [];
      }
      case 'group':
        return this.#ofUsers(this.directory.group(selector.text));
      case 'tag':
        return this.tagged(selector.text);
      case 'autogroup':
        return this.#autogroup(selector.text);
      default:
        return undefined;
    }
  }

  #autogroup(text: string): readonly Machine[] | undefined {
    if (isRoleGroup(text)) return this.#ofUsers(this.directory.role(text));
    if (text === 'autogroup:member') return this.machines.filter(({ isTagged }) => !isTagged);
    if (text === 'autogroup:tagged') return this.machines.filter(({ isTagged }) => isTagged);
    // Nobody is invited from other networks yet.
    return text === 'autogroup:shared' ? [] : undefined;
  }

  #literal(selector: Selector): RangeSet {
    switch (selector.kind) {
      case 'prefix':
        return setOfCidrs([selector.cidr]);
      case 'any':
        return TAILNET;
      case 'host': {
        const host = this.ast.hosts.get(selector.text)?.value;
        return host === undefined ? EMPTY : setOfCidrs([host]);
      }
      case 'ipset':
        return this.#ipSet(selector.text);
      case 'autogroup':
        if (selector.text === 'autogroup:danger-all') return EVERYTHING;
        return selector.text === 'autogroup:internet' ? INTERNET : EMPTY;
      default:
        return EMPTY;
    }
  }

  /** Depth is bounded: the check has refused sets that contain themselves. */
  #ipSet(name: string): RangeSet {
    let set = EMPTY;
    for (const { isRemoval, operand } of this.ast.ipsets.get(name)?.value ?? []) {
      const other = this.setOf(operand.selector);
      set = isRemoval ? subtract(set, other) : union([set, other]);
    }
    return set;
  }
}

function push<K>(map: Map<K, Machine[]>, key: K, machine: Machine): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [machine]);
  else list.push(machine);
}
