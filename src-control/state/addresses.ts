/** Gives each machine its two addresses out of the network's prefixes (coordination-server.md §6). */
import { randomInt } from 'node:crypto';
import { RhumbError } from '#shared/errors.ts';
import {
  CGNAT,
  CHROMEOS,
  formatIp,
  formatPrefix,
  maskPrefix,
  type Prefix,
  parseIp,
  parsePrefix,
  prefixContains,
  SERVICE_IP,
  SERVICE_IP6,
  TAILNET_ULA,
} from '#shared/ip/address.ts';
import { AddressSpace, type Window } from './address-space.ts';

export type Family = 'ipv4' | 'ipv6';

export interface AddressPlan {
  /** Inside 100.64.0.0/10; the first is used up before the second is begun. */
  readonly v4: readonly Prefix[];
  /** Inside fd7a:115c:a1e0::/48. */
  readonly v6: readonly Prefix[];
  readonly strategy: 'sequential' | 'random';
  /** How long the address of a deleted machine is nobody's. */
  readonly quarantineMs: number;
}

export const DEFAULT_PLAN: AddressPlan = {
  v4: [CGNAT],
  v6: [TAILNET_ULA],
  strategy: 'sequential',
  quarantineMs: 24 * 3_600_000,
};

/** How full a prefix is. */
export interface Usage {
  readonly prefix: string;
  readonly used: number;
  readonly size: number;
}

const SERVICE_SUBNET: Prefix = { ip: (parseIp(SERVICE_IP) ?? new Uint8Array(4)).with(3, 0), bits: 24 };
/** Of `100.64.0.0/10` what belongs to others: the service address with its neighbours, and ChromeOS's own machines. */
const RESERVED_V4: readonly Prefix[] = [SERVICE_SUBNET, CHROMEOS];
const isReservedV4 = (ip: Uint8Array): boolean => RESERVED_V4.some((one) => prefixContains(one, ip));
const isReservedV6 = (ip: Uint8Array): boolean => formatIp(ip) === SERVICE_IP6;

const ALMOST_FULL = 0.9;

interface Place {
  readonly space: AddressSpace;
  readonly window: Window;
  readonly size: number;
  used: number;
}

export class AddressBook {
  readonly #places: Readonly<Record<Family, readonly Place[]>>;
  /** All of 100.64.0.0/10, as a policy's pools may lie anywhere in it. */
  readonly #cgnat: AddressSpace;
  readonly #pools = new Map<string, Window>();
  readonly #plan: AddressPlan;

  constructor(plan: AddressPlan) {
    this.#plan = plan;
    const pick = plan.strategy === 'random' ? (span: number): number => randomInt(span) : undefined;
    this.#cgnat = new AddressSpace(CGNAT, { isReserved: isReservedV4, pick });
    const v6Space = (prefix: Prefix): AddressSpace =>
      new AddressSpace(prefix, { isReserved: isReservedV6, pick });
    this.#places = {
      ipv4: plan.v4.map((prefix) => placeIn(this.#cgnat, prefix)),
      ipv6: plan.v6.map((prefix) => placeIn(v6Space(prefix), prefix)),
    };
  }

  get quarantineMs(): number {
    return this.#plan.quarantineMs;
  }

  /** Marks an address that a machine has; one outside every prefix is left alone. */
  use(text: string): void {
    this.#count(text, 1);
    const ip = parseIp(text);
    for (const { space, offset } of this.#spots(text)) space.use(offset);
    if (ip === undefined) return;
    for (const { space, window } of this.#places[familyOf(ip)]) {
      const offset = space.offsetOf(text);
      if (offset !== undefined && offset >= window.next && offset <= window.last) window.next = offset + 1;
    }
  }

  free(text: string): void {
    this.#count(text, -1);
    for (const { space, offset } of this.#spots(text)) space.free(offset, undefined);
  }

  /** Takes back a `take` that came to nothing. */
  giveBack(text: string): void {
    for (const { space, offset } of this.#spots(text)) space.free(offset, undefined);
  }

  /** Nobody gets a free address before then, unless nothing else is left. */
  rest(text: string, until: number): void {
    for (const { space, offset } of this.#spots(text)) if (space.isFree(offset)) space.free(offset, until);
  }

  /** Is it in a prefix, not in use, and not one that means something else? Throws `bad-argument` or `conflict`. */
  check(family: Family, text: string): string {
    const ip = parseIp(text);
    const name = family === 'ipv4' ? 'IPv4' : 'IPv6';
    if (ip === undefined || familyOf(ip) !== family)
      throw new RhumbError('bad-argument', `"${text.slice(0, 64)}" is not an ${name} address`);
    const canonical = formatIp(ip);
    const place = this.#places[family].find(({ window }) => prefixContains(window.prefix, ip));
    const offset = place?.space.offsetOf(canonical);
    if (place === undefined || offset === undefined)
      throw new RhumbError(
        'bad-argument',
        `${canonical} is outside the network's own ${this.#places[family].map(({ window }) => formatPrefix(window.prefix)).join(', ')}`,
      );
    if (offset < place.window.first || offset > place.window.last || place.space.isReserved(offset))
      throw new RhumbError('bad-argument', `${canonical} is reserved: choose another address`);
    if (!place.space.isFree(offset))
      throw new RhumbError('conflict', `${canonical} belongs to another machine: see nodes list`);
    return canonical;
  }

  /** Whether the address lies in one of the prefixes that the server gives addresses from now. */
  holds(text: string): boolean {
    const ip = parseIp(text);
    return (
      ip !== undefined && this.#places[familyOf(ip)].some(({ window }) => prefixContains(window.prefix, ip))
    );
  }

  /** The next address; from a policy's `pools`, where the machine has some, else from the prefixes. */
  take(family: Family, nowMs: number, pools?: readonly string[]): string {
    const places =
      pools === undefined || family === 'ipv6'
        ? this.#places[family]
        : pools.map((text) => this.#poolOf(text));
    for (const { space, window } of places) {
      const offset = space.next(window, nowMs);
      if (offset !== undefined) return this.#give(space, offset);
    }
    for (const { space, window } of places) {
      const offset = space.oldestResting(window);
      if (offset !== undefined) return this.#give(space, offset);
    }
    throw new RhumbError(
      'conflict',
      pools === undefined
        ? 'every address of the network is in use: delete machines that are gone, or add a prefix (prefixes)'
        : `every address of this machine's pool ${pools.join(', ')} is in use: delete machines that are gone, or widen ipPool in the policy`,
    );
  }

  usage(): readonly Usage[] {
    return [...this.#places.ipv4, ...this.#places.ipv6].map(({ window, used, size }) => ({
      prefix: formatPrefix(window.prefix),
      used,
      size,
    }));
  }

  #give(space: AddressSpace, offset: number): string {
    const text = space.textAt(offset);
    this.use(text);
    // A machine that is saved with it counts it again; what was taken and not saved must not count for ever.
    this.#count(text, -1);
    return text;
  }

  #poolOf(text: string): { readonly space: AddressSpace; readonly window: Window } {
    const known = this.#pools.get(text);
    if (known !== undefined) return { space: this.#cgnat, window: known };
    const prefix = parsePrefix(text);
    if (prefix === undefined || !isInside(prefix, CGNAT))
      throw new RhumbError('internal', `the pool ${text} is not inside ${formatPrefix(CGNAT)}`);
    const window = this.#cgnat.window(maskPrefix(prefix), true);
    this.#pools.set(text, window);
    return { space: this.#cgnat, window };
  }

  #spots(text: string): readonly { readonly space: AddressSpace; readonly offset: number }[] {
    const ip = parseIp(text);
    if (ip === undefined) return [];
    if (ip.length === 4) {
      const offset = this.#cgnat.offsetOf(text);
      return offset === undefined || !prefixContains(CGNAT, ip) ? [] : [{ space: this.#cgnat, offset }];
    }
    return this.#places.ipv6.flatMap(({ space, window }) => {
      const offset = space.offsetOf(text);
      return offset === undefined || offset > window.last ? [] : [{ space, offset }];
    });
  }

  #count(text: string, by: number): void {
    const ip = parseIp(text);
    if (ip === undefined) return;
    for (const place of this.#places[familyOf(ip)])
      if (prefixContains(place.window.prefix, ip)) place.used += by;
  }
}

/** Prefixes so full that somebody should hear of it before machines are refused. */
export const almostFull = (usage: readonly Usage[]): readonly Usage[] =>
  usage.filter(({ used, size }) => used >= size * ALMOST_FULL);

const familyOf = (ip: Uint8Array): Family => (ip.length === 4 ? 'ipv4' : 'ipv6');

export const isInside = (inner: Prefix, outer: Prefix): boolean =>
  inner.bits >= outer.bits && prefixContains(outer, inner.ip);

function placeIn(space: AddressSpace, prefix: Prefix): Place {
  const window = space.window(prefix, false);
  const reserved = RESERVED_V4.filter((one) => isInside(one, prefix)).reduce(
    (sum, { bits }) => sum + 2 ** (32 - bits),
    0,
  );
  return { space, window, size: window.last - window.first + 1 - reserved, used: 0 };
}
