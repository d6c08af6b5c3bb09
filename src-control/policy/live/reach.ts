/** Each selector of the rules as a bit set of machines, kept true one machine at a time (policy.md §9, §15.3). */
import type { CompiledGrant } from '../compile/compiled-grants.ts';
import type { Grant } from '../compile/grants.ts';
import type { Machine } from '../compile/network.ts';
import type { Resolver } from '../compile/resolver.ts';
import { hasCompanion } from '../compile/rules.ts';
import type { SelectorUse, Word } from '../language/ast.ts';
import { Bits } from '../sets/bits.ts';
import { type Cidr, EVERYTHING, isSubset, type RangeSet, setOfCidrs, union } from '../sets/ranges.ts';
import { ALL_V4, ALL_V6, INTERNET } from '../sets/special.ts';
import { type AddressBook, reaches } from './address-book.ts';

/** The addresses of one selector, and the machines they lead to. */
export interface Atom {
  readonly current: () => RangeSet;
  readonly selector: string | undefined;
  readonly isRoutes: boolean;
  readonly hasPosture: boolean;
  set: RangeSet;
  readonly bits: Bits;
}

/** One side of a rule: what several selectors lead to together. */
export interface End {
  readonly key: string;
  readonly atoms: readonly Atom[];
  readonly isInternet: boolean;
  /** By address or subnet. */
  readonly local: Bits;
  /** `local`, and exit nodes and connectors where the side is the internet. The same object where it is not. */
  readonly all: Bits;
}

export interface Pair {
  readonly src: End;
  readonly dst: End;
}

const INTERNETS = [setOfCidrs([ALL_V4]), setOfCidrs([ALL_V6]), INTERNET];

export class Reach {
  readonly #resolver: Resolver;
  readonly #book: AddressBook;
  readonly #routes: () => readonly Cidr[];
  readonly #atoms = new Map<string, Atom>();
  readonly #ends = new Map<string, End>();
  readonly #pairs = new Map<string, Pair>();
  /** Where the sides of each grant are, for marking whose filter changes. */
  readonly #ofGrant = new Map<Grant, readonly Pair[]>();
  #size: number;

  constructor(resolver: Resolver, book: AddressBook, routes: () => readonly Cidr[], size: number) {
    this.#resolver = resolver;
    this.#book = book;
    this.#routes = routes;
    this.#size = size;
  }

  get pairs(): Iterable<Pair> {
    return this.#pairs.values();
  }

  get size(): number {
    return this.#size;
  }

  /** For a network without rules: everybody to everybody. */
  openAll(): void {
    const everything = this.#end('*', [this.#atom('everything', () => EVERYTHING, {})]);
    this.#pair(everything, everything, '* *');
  }

  addGrant({ grant }: CompiledGrant): void {
    if (grant.via.length > 0 || grant.src.length === 0) return;
    const postures = this.#resolver.posturesOf(grant.srcPosture);
    const src = this.#sourceEnd(grant.src, postures, true);
    const pairs: Pair[] = [];
    const both = (from: End, to: End): void => {
      pairs.push(this.#pair(from, to, `${from.key} ${to.key}`));
    };
    if (grant.dst.length > 0 && grant.ip.length > 0) both(src, this.#targetEnd(grant.dst, true, false));
    if (grant.dst.length > 0 && grant.app !== undefined) {
      both(src, this.#targetEnd(grant.dst, false, false));
      if (hasCompanion(grant.app))
        both(this.#targetEnd(grant.dst, false, true), this.#sourceEnd(grant.src, postures, false));
    }
    this.#ofGrant.set(grant, pairs);
  }

  pairsOf(grant: Grant): readonly Pair[] {
    return this.#ofGrant.get(grant) ?? [];
  }

  /** Takes over new sets; gives the atoms that have one. Bits follow with `place`. */
  refresh(selectors: ReadonlySet<string>, hasNewRoutes: boolean): readonly Atom[] {
    const changed: Atom[] = [];
    for (const atom of this.#atoms.values()) {
      const isStale =
        atom.hasPosture ||
        (atom.isRoutes && hasNewRoutes) ||
        (atom.selector !== undefined && selectors.has(atom.selector));
      if (!isStale) continue;
      const set = atom.current();
      if (set === atom.set) continue;
      atom.set = set;
      changed.push(atom);
    }
    return changed;
  }

  /** The bits of one machine: in all atoms where its own addresses or routes may differ, else in the changed ones. */
  place(index: number, machine: Machine | undefined, changed: readonly Atom[] | 'all'): void {
    const atoms = changed === 'all' ? this.#atoms.values() : changed;
    for (const atom of atoms) atom.bits.put(index, machine !== undefined && reaches(atom.set, machine));
    for (const end of this.#ends.values()) {
      if (end.atoms.length === 1 && !end.isInternet) continue;
      const isLocal = end.atoms.some(({ bits }) => bits.has(index));
      if (end.atoms.length !== 1) end.local.put(index, isLocal);
      if (end.isInternet) end.all.put(index, isLocal || machine?.isGateway === true);
    }
  }

  grow(size: number): void {
    this.#size = size;
    const all = [...this.#atoms.values()].map(({ bits }) => bits);
    for (const { local, all: wide } of this.#ends.values()) all.push(local, wide);
    for (const bits of new Set(all)) bits.grow(size);
  }

  /** The peers of the machine by rules that are the same for all. */
  collect(index: number, peers: Bits): void {
    for (const { src, dst } of this.#pairs.values()) {
      if (src.local.has(index)) peers.addAll(dst.all);
      if (dst.all.has(index)) peers.addAll(src.local);
    }
  }

  #pair(src: End, dst: End, key: string): Pair {
    const known = this.#pairs.get(key);
    if (known !== undefined) return known;
    const made = { src, dst };
    this.#pairs.set(key, made);
    return made;
  }

  #sourceEnd(uses: readonly SelectorUse[], postures: readonly Word[], withRoutes: boolean): End {
    const texts = postures.map(({ text }) => text);
    const key = JSON.stringify([uses.map(({ selector }) => selector.text), texts, withRoutes]);
    const known = this.#ends.get(key);
    if (known !== undefined) return known;
    const atoms = uses.map((use) =>
      this.#atom(JSON.stringify([use.selector.text, texts]), () => this.#resolver.sourceSet(use, postures), {
        selector: use.selector.text,
        hasPosture: postures.length > 0,
      }),
    );
    if (withRoutes && postures.length === 0 && uses.some(({ selector }) => selector.kind === 'any'))
      atoms.push(this.#routesAtom());
    return this.#end(key, atoms);
  }

  /** `*` leads everywhere with ports, and to the network's own addresses with capabilities. */
  #targetEnd(uses: readonly SelectorUse[], withPorts: boolean, withRoutes: boolean): End {
    const key = JSON.stringify([uses.map(({ selector }) => selector.text), withPorts, withRoutes, 'to']);
    const known = this.#ends.get(key);
    if (known !== undefined) return known;
    const hasAny = uses.some(({ selector }) => selector.kind === 'any');
    const atoms = uses.map(({ selector }) =>
      selector.kind === 'any' && withPorts
        ? this.#atom('everything', () => EVERYTHING, {})
        : this.#atom(JSON.stringify([selector.text, []]), () => this.#resolver.setOf(selector), {
            selector: selector.text,
          }),
    );
    if (withRoutes && hasAny) atoms.push(this.#routesAtom());
    return this.#end(key, atoms);
  }

  #routesAtom(): Atom {
    return this.#atom('routes', () => setOfCidrs(this.#routes()), { isRoutes: true });
  }

  #atom(
    key: string,
    current: () => RangeSet,
    kind: { readonly selector?: string; readonly isRoutes?: boolean; readonly hasPosture?: boolean },
  ): Atom {
    const known = this.#atoms.get(key);
    if (known !== undefined) return known;
    const set = current();
    const made: Atom = {
      current,
      selector: kind.selector,
      isRoutes: kind.isRoutes ?? false,
      hasPosture: kind.hasPosture ?? false,
      set,
      bits: this.#book.reach(set, this.#size),
    };
    this.#atoms.set(key, made);
    return made;
  }

  #end(key: string, atoms: readonly Atom[]): End {
    const known = this.#ends.get(key);
    if (known !== undefined) return known;
    const [only] = atoms;
    const local = atoms.length === 1 && only !== undefined ? only.bits : new Bits(this.#size);
    if (atoms.length !== 1) for (const { bits } of atoms) local.addAll(bits);
    const whole = union(atoms.map(({ set }) => set));
    const isInternet = INTERNETS.some((set) => isSubset(set, whole));
    let all = local;
    if (isInternet) {
      all = new Bits(this.#size);
      all.addAll(local);
      for (const { isGateway, index } of this.#book.routers) if (isGateway) all.add(index);
    }
    const made = { key, atoms, isInternet, local, all };
    this.#ends.set(key, made);
    return made;
  }
}
