/** Rules that only some machines hold, the devices of one person or holders of a `via` tag, looked at when asked (policy.md §7.5). */
import { type CompiledGrant, viaRules } from '../compile/compiled-grants.ts';
import type { Machine } from '../compile/network.ts';
import type { Resolver } from '../compile/resolver.ts';
import { destinationSet, type Rule } from '../compile/rules.ts';
import type { Bits } from '../sets/bits.ts';
import { type Cidr, isEmpty, isSubset, overlapsRange, type RangeSet, setOfCidrs } from '../sets/ranges.ts';
import { ALL_V4, ALL_V6, INTERNET } from '../sets/special.ts';
import { type AddressBook, reaches } from './address-book.ts';

interface ScopedRow {
  readonly src: RangeSet;
  readonly dst: RangeSet;
  readonly isInternet: boolean;
  /** Who holds it: one end of a pair must. */
  readonly scope: readonly Machine[];
}

const INTERNETS = [setOfCidrs([ALL_V4]), setOfCidrs([ALL_V6]), INTERNET];

function rowOf(rule: Rule, scope: readonly Machine[]): ScopedRow | undefined {
  const [src, dst] = [rule.sources.set, destinationSet(rule)];
  if (isEmpty(src) || isEmpty(dst)) return undefined;
  return { src, dst, isInternet: INTERNETS.some((set) => isSubset(set, dst)), scope };
}

const into = ({ dst, isInternet }: ScopedRow, machine: Machine): boolean =>
  reaches(dst, machine) || (isInternet && machine.isGateway);

export class Scoped {
  readonly #resolver: Resolver;
  readonly #book: AddressBook;
  readonly #self = new Set<CompiledGrant>();
  readonly #via = new Set<CompiledGrant>();
  #viaRows: readonly ScopedRow[] | undefined;

  constructor(resolver: Resolver, book: AddressBook) {
    this.#resolver = resolver;
    this.#book = book;
  }

  get hasSelf(): boolean {
    return this.#self.size > 0;
  }

  get hasVia(): boolean {
    return this.#via.size > 0;
  }

  /** A grant was compiled, or compiled again. */
  put(next: CompiledGrant, old?: CompiledGrant): void {
    if (old !== undefined) {
      this.#self.delete(old);
      this.#via.delete(old);
    }
    if (next.grant.hasSelf) this.#self.add(next);
    if (next.via !== undefined) this.#via.add(next);
    this.#viaRows = undefined;
  }

  /** Machines with the tags of `via` may be others, or serve other routes. */
  holdersChanged(): void {
    this.#viaRows = undefined;
  }

  get holders(): ReadonlySet<Machine> {
    return new Set(
      [...this.#via].flatMap(({ via }) => (via?.tags ?? []).flatMap((tag) => this.#resolver.tagged(tag))),
    );
  }

  collect(machine: Machine, peers: Bits, size: number): void {
    for (const row of this.#touching(machine)) {
      const isHolder = row.scope.some(({ index }) => index === machine.index);
      const others = (set: RangeSet, withExits: boolean): Iterable<number> => {
        if (!isHolder)
          return row.scope
            .filter((one) => reaches(set, one) || (withExits && one.isGateway))
            .map(({ index }) => index);
        const all = this.#book.reach(set, size);
        if (withExits) for (const { isGateway, index } of this.#book.routers) if (isGateway) all.add(index);
        return all;
      };
      if (reaches(row.src, machine)) for (const index of others(row.dst, row.isInternet)) peers.add(index);
      if (into(row, machine)) for (const index of others(row.src, false)) peers.add(index);
    }
  }

  /** Whether a rule that `viewer` holds needs the route (policy.md §10.2). */
  canUse(viewer: Machine, route: Cidr): boolean {
    const own = [...this.#ownRows(viewer.isTagged ? undefined : viewer.userId)];
    const held = this.#allViaRows().filter(({ scope }) => scope.some(({ index }) => index === viewer.index));
    return [...own, ...held].some(
      ({ src, dst }) =>
        (overlapsRange(dst, route) && reaches(src, viewer)) ||
        (overlapsRange(src, route) && reaches(dst, viewer)),
    );
  }

  *#touching(machine: Machine): Generator<ScopedRow> {
    yield* this.#allViaRows();
    if (!this.hasSelf) return;
    // Only a router of the network's own addresses has to do with what others may do among their devices.
    const isOdd =
      machine.subnetRoutes.length > 0 &&
      this.#book.owners(setOfCidrs(machine.subnetRoutes)).next().done !== true;
    if (!isOdd) yield* this.#ownRows(machine.isTagged ? undefined : machine.userId);
    else for (const owner of this.#resolver.owners) yield* this.#ownRows(owner);
  }

  *#ownRows(owner: number | undefined): Generator<ScopedRow> {
    if (owner === undefined) return;
    const scope = this.#resolver.ownedBy(owner);
    for (const grant of this.#self)
      for (const rule of grant.selfRules(owner)) {
        const row = rowOf(rule, scope);
        if (row !== undefined) yield row;
      }
  }

  #allViaRows(): readonly ScopedRow[] {
    this.#viaRows ??= [...this.#via].flatMap((grant) => {
      const holders = new Set((grant.via?.tags ?? []).flatMap((tag) => this.#resolver.tagged(tag)));
      return [...holders].flatMap((holder) =>
        viaRules(grant, holder).flatMap((rule) => rowOf(rule, [holder]) ?? []),
      );
    });
    return this.#viaRows;
  }
}
