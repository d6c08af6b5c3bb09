/** What each selector stands for in a network: machines where it names machines, else addresses (policy.md §3). */
import type { PolicyAst, SelectorUse, Word } from '../language/ast.ts';
import { type Attributes, type AttributeTypes, holds } from '../language/condition.ts';
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
  withAddr,
  withoutAddr,
} from '../sets/ranges.ts';
import { INTERNET, TAILNET } from '../sets/special.ts';
import type { Machine, PolicyUser } from './network.ts';
import { Directory } from './users.ts';

/** `machines` is undefined where only addresses are known. */
interface Resolved {
  readonly set: RangeSet;
  readonly machines: readonly Machine[] | undefined;
}

/** Selectors that stand for something else than before, and the machines that make the difference. */
export interface Moved {
  readonly selectors: ReadonlySet<string>;
  readonly machines: readonly Machine[];
}

/** What postures say of a source; the two outer ones are for tests (policy.md §13.1). */
export type PostureMode = 'enforce' | 'assume-true' | 'assume-false' | Attributes;

export class Resolver {
  readonly ast: PolicyAst;
  #machines: readonly Machine[];
  #directory: Directory;
  readonly #mode: PostureMode;
  readonly #types: AttributeTypes;
  readonly #cache = new Map<string, Resolved>();
  readonly #byUser: Map<number, readonly Machine[]>;
  readonly #byTag: Map<string, readonly Machine[]>;
  /** Selectors for people that were asked for, with the people whom they stood for. */
  readonly #people = new Map<string, { readonly selector: Selector; readonly ids: ReadonlySet<number> }>();

  constructor(
    ast: PolicyAst,
    users: readonly PolicyUser[],
    machines: readonly Machine[],
    mode: PostureMode = 'enforce',
  ) {
    this.ast = ast;
    this.#machines = machines;
    this.#directory = new Directory(ast, users);
    this.#mode = mode;
    this.#types = new Map([...ast.attrConfig].map(([name, { value }]) => [name, value.type]));
    const byUser = new Map<number, Machine[]>();
    const byTag = new Map<string, Machine[]>();
    for (const machine of machines) {
      if (!machine.isTagged && machine.userId !== undefined) push(byUser, machine.userId, machine);
      for (const tag of new Set(machine.tags)) push(byTag, tag, machine);
    }
    this.#byUser = byUser;
    this.#byTag = byTag;
  }

  /** In the order of their indices. */
  get machines(): readonly Machine[] {
    return this.#machines;
  }

  get directory(): Directory {
    return this.#directory;
  }

  /** A machine came, went, or is another than it was (policy.md §15.3). Gives the selectors whose addresses changed. */
  replace(old: Machine | undefined, next: Machine | undefined): ReadonlySet<string> {
    this.#machines = swapped(this.#machines, old, next);
    const was = old === undefined ? [] : this.#selectorsOf(old);
    const is = next === undefined ? [] : this.#selectorsOf(next);
    for (const one of [old, next]) {
      const { userId, tags } = one ?? {};
      if (one?.isTagged === false && userId !== undefined) change(this.#byUser, userId, one, one === next);
      for (const tag of new Set(tags)) change(this.#byTag, tag, one as Machine, one === next);
    }
    const changed = new Set<string>();
    for (const text of new Set([...was, ...is])) {
      const known = this.#cache.get(text);
      if (known?.machines === undefined) continue;
      const [gone, come] = [was.includes(text) ? old : undefined, is.includes(text) ? next : undefined];
      const machines = swapped(known.machines, gone, come);
      const [lost, gained] = [gone?.addrs ?? [], come?.addrs ?? []];
      if (String(lost) === String(gained)) {
        this.#cache.set(text, { set: known.set, machines });
        continue;
      }
      changed.add(text);
      this.#cache.set(text, { set: gained.reduce(withAddr, lost.reduce(withoutAddr, known.set)), machines });
    }
    return changed;
  }

  /** Other people, or the same with other names, roles or groups. */
  setUsers(users: readonly PolicyUser[]): Moved {
    this.#directory = new Directory(this.ast, users);
    const selectors = new Set<string>();
    const machines = new Set<Machine>();
    for (const [text, { selector, ids: was }] of this.#people) {
      const is = this.#peopleOf(selector);
      if (was.symmetricDifference(is).size === 0) continue;
      this.#cache.delete(text);
      const moved = [...was.symmetricDifference(is)].flatMap((id) => this.ownedBy(id));
      if (moved.length > 0) selectors.add(text);
      for (const machine of moved) machines.add(machine);
      this.#resolved(selector);
    }
    return { selectors, machines: [...machines] };
  }

  #selectorsOf({ isTagged, userId, tags }: Machine): readonly string[] {
    if (isTagged) return ['autogroup:tagged', ...tags];
    const own = [...this.#people].filter(([, { ids }]) => userId !== undefined && ids.has(userId));
    return ['autogroup:member', ...own.map(([text]) => text)];
  }

  #peopleOf({ kind, text }: Selector): ReadonlySet<number> {
    if (kind === 'group') return this.directory.group(text);
    if (kind !== 'user') return this.directory.role(text);
    const found = this.directory.user(text);
    return new Set(found.kind === 'one' ? [found.user.id] : []);
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
    return postures.some(({ text }) =>
      (this.ast.postures.get(text)?.value ?? []).every((condition) =>
        holds(condition, attributes, this.#types),
      ),
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

  #ofPeople(selector: Selector): readonly Machine[] {
    const ids = this.#peopleOf(selector);
    this.#people.set(selector.text, { selector, ids });
    return [...ids].flatMap((id) => this.ownedBy(id)).sort((a, b) => a.index - b.index);
  }

  #named(selector: Selector): readonly Machine[] | undefined {
    switch (selector.kind) {
      case 'user':
      case 'group':
        return this.#ofPeople(selector);
      case 'tag':
        return this.tagged(selector.text);
      case 'autogroup':
        return this.#autogroup(selector);
      default:
        return undefined;
    }
  }

  #autogroup(selector: Selector): readonly Machine[] | undefined {
    const { text } = selector;
    if (isRoleGroup(text)) return this.#ofPeople(selector);
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

/** Both lists are in the order of the indices. */
function swapped(
  list: readonly Machine[],
  old: Machine | undefined,
  next: Machine | undefined,
): readonly Machine[] {
  const index = (old ?? next)?.index;
  if (index === undefined) return list;
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] as Machine).index < index) low = middle + 1;
    else high = middle;
  }
  const isThere = list[low]?.index === index;
  return list.toSpliced(low, isThere ? 1 : 0, ...(next === undefined ? [] : [next]));
}

function change<K>(map: Map<K, readonly Machine[]>, key: K, machine: Machine, isNew: boolean): void {
  const list = swapped(map.get(key) ?? [], isNew ? undefined : machine, isNew ? machine : undefined);
  if (list.length === 0) map.delete(key);
  else map.set(key, list);
}
