/** Machines by their addresses and routes, kept in order while machines come and go. */
import type { Machine } from '../compile/network.ts';
import { Bits } from '../sets/bits.ts';
import { type Addr, contains, overlapsRange, type RangeSet, rangesOf } from '../sets/ranges.ts';

/** Ascending addresses and, at the same places, whose they are. */
interface Column<T extends Addr> {
  addrs: T[];
  owners: number[];
}

function lowerBound(list: readonly Addr[], addr: Addr): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] as Addr) < addr) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether the set holds an address of the machine, or some of a subnet that it serves (policy.md §9). */
export const reaches = (set: RangeSet, { addrs, subnetRoutes }: Machine): boolean =>
  addrs.some((addr) => contains(set, addr)) || subnetRoutes.some((route) => overlapsRange(set, route));

export class AddressBook {
  readonly #v4: Column<number> = { addrs: [], owners: [] };
  readonly #v6: Column<bigint> = { addrs: [], owners: [] };
  /** Machines with active routes or apps, by index. */
  readonly #routers = new Map<number, Machine>();

  constructor(machines: readonly Machine[]) {
    const all = machines.flatMap(({ addrs, index }) => addrs.map((addr) => [addr, index] as const));
    all.sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [addr, index] of all) {
      const column: Column<Addr> = this.#column(addr);
      column.addrs.push(addr);
      column.owners.push(index);
    }
    for (const machine of machines) this.#noteRouter(machine);
  }

  get routers(): Iterable<Machine> {
    return this.#routers.values();
  }

  add(machine: Machine): void {
    for (const addr of machine.addrs) {
      const column = this.#column(addr);
      const at = lowerBound(column.addrs, addr);
      column.addrs.splice(at, 0, addr);
      column.owners.splice(at, 0, machine.index);
    }
    this.#noteRouter(machine);
  }

  remove(machine: Machine): void {
    for (const addr of machine.addrs) {
      const column = this.#column(addr);
      for (let at = lowerBound(column.addrs, addr); column.addrs[at] === addr; at++) {
        if (column.owners[at] !== machine.index) continue;
        column.addrs.splice(at, 1);
        column.owners.splice(at, 1);
        break;
      }
    }
    this.#routers.delete(machine.index);
  }

  /** Indices of machines with an address in the set. */
  *owners(set: RangeSet): Generator<number> {
    for (const [first, last] of rangesOf(set)) {
      const { addrs, owners } = this.#column(first);
      for (let at = lowerBound(addrs, first); at < addrs.length && (addrs[at] as Addr) <= last; at++)
        yield owners[at] as number;
    }
  }

  /** Those that the set leads to, by address or by subnet. */
  reach(set: RangeSet, size: number): Bits {
    const bits = new Bits(size);
    for (const index of this.owners(set)) bits.add(index);
    for (const machine of this.#routers.values()) if (reaches(set, machine)) bits.add(machine.index);
    return bits;
  }

  #noteRouter(machine: Machine): void {
    if (machine.subnetRoutes.length > 0 || machine.isGateway) this.#routers.set(machine.index, machine);
  }

  #column(addr: Addr): Column<Addr> {
    const column: { addrs: Addr[]; owners: number[] } = typeof addr === 'number' ? this.#v4 : this.#v6;
    return column;
  }
}
