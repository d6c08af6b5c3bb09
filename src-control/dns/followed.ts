/** The machines that records lead to: whether a change of one can change what machines are told. */

interface Lookup {
  readonly addressesOf: (name: string) => readonly string[] | undefined;
  /** Of a machine that is there. */
  readonly nameOf: (nodeId: number) => string | undefined;
  readonly idOf: (name: string) => number | undefined;
}

const textOf = (addresses: readonly string[] | undefined): string => addresses?.join(' ') ?? '';

export class Followed {
  readonly #lookup: Lookup;
  /** Every name that was looked up, with what was found. */
  readonly #found = new Map<string, string>();
  readonly #names = new Map<number, string>();

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
  }

  /** Looks up and remembers. */
  addressesOf(name: string): readonly string[] | undefined {
    const addresses = this.#lookup.addressesOf(name);
    this.#found.set(name, textOf(addresses));
    const id = this.#lookup.idOf(name);
    if (id !== undefined) this.#names.set(id, name);
    return addresses;
  }

  clear(): void {
    this.#found.clear();
    this.#names.clear();
  }

  /** Whether some name leads elsewhere than when it was looked up, now that this machine has changed. */
  isOther(nodeId: number): boolean {
    const names = [this.#names.get(nodeId), this.#lookup.nameOf(nodeId)];
    return names.some((name) => {
      const found = name === undefined ? undefined : this.#found.get(name);
      return name !== undefined && found !== undefined && found !== textOf(this.#lookup.addressesOf(name));
    });
  }
}
