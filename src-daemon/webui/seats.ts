/** Who may keep a page open: so many in all, so many of one visitor, and some kept for those who manage. */
import type { Rights } from '#shared/ui-state/types.ts';

/** desktop.md §10. */
const MOST = 20;
/** However many look, who manages finds a place. */
const MOST_READERS = 15;
const MOST_OF_ONE = 10;

interface Sitter {
  readonly id: string;
  readonly isReader: boolean;
}

export class Seats {
  readonly #taken = new Set<Sitter>();

  /** A seat, to be given back by the returned function; undefined when there is none for this one. */
  take(id: string, rights: Rights): (() => void) | undefined {
    const all = [...this.#taken];
    const isReader = rights !== 'manage';
    if (all.length >= MOST || all.filter((one) => one.id === id).length >= MOST_OF_ONE) return undefined;
    if (isReader && all.filter((one) => one.isReader).length >= MOST_READERS) return undefined;
    const sitter = { id, isReader };
    this.#taken.add(sitter);
    return () => void this.#taken.delete(sitter);
  }
}
