/** The last good addresses of names, also over a restart: what is left when no name server can be reached. */
import { z } from 'zod';
import { canonicalIp } from '#shared/ip/address.ts';
import type { StateStore } from '../store/state-store.ts';

const KEY = '_outsidenames';
const MAX_NAMES = 64;
const MAX_ADDRESSES = 8;

const shape = z
  .array(
    z.tuple([
      z.string().max(255),
      z.array(z.string().refine((text) => canonicalIp(text) === text)).max(MAX_ADDRESSES),
    ]),
  )
  .max(MAX_NAMES);

export class KeptNames {
  readonly #store: Pick<StateStore, 'get' | 'set'>;
  readonly #known: Map<string, readonly string[]>;

  constructor(store: Pick<StateStore, 'get' | 'set'>) {
    this.#store = store;
    this.#known = new Map(read(store.get(KEY)));
  }

  get(name: string, family: 4 | 6): readonly string[] {
    return this.#known.get(idOf(name, family)) ?? [];
  }

  /** Saved only when none of the addresses kept is right any more: large sites give others of many each time. */
  put(name: string, family: 4 | 6, addresses: readonly string[]): void {
    if (addresses.length === 0) return;
    const id = idOf(name, family);
    const before = this.#known.get(id) ?? [];
    this.#known.delete(id);
    if (this.#known.size >= MAX_NAMES) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(id, addresses.slice(0, MAX_ADDRESSES));
    if (before.some((address) => addresses.includes(address))) return;
    const bytes = new TextEncoder().encode(JSON.stringify([...this.#known]));
    this.#store.set(KEY, bytes).catch(() => undefined); // the store reports it
  }
}

const idOf = (name: string, family: 4 | 6): string => `${family} ${name}`;

/** A damaged entry costs a fallback. */
function read(stored: Uint8Array | undefined): readonly (readonly [string, readonly string[]])[] {
  if (stored === undefined) return [];
  try {
    const parsed = shape.safeParse(JSON.parse(new TextDecoder().decode(stored)));
    return parsed.success ? parsed.data : [];
  } catch {
    return [];
  }
}
