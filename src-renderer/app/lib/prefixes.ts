/** What somebody typed as a network, and whether this device can share it; pure. */
import {
  CGNAT,
  formatPrefix,
  maskPrefix,
  type Prefix,
  parsePrefix,
  prefixContains,
  TAILNET_ULA,
} from '#shared/ip/address.ts';

export type Parsed =
  /** `corrected`: host bits were cleared, so that the user sees what was made of it. */
  | { readonly kind: 'good'; readonly prefix: string; readonly corrected: boolean }
  | { readonly kind: 'bad'; readonly why: Refusal };

export type Refusal = 'not-a-network' | 'everything' | 'own-range' | 'special' | 'listed' | 'within';

const DEFAULT_ROUTES: readonly string[] = ['0.0.0.0/0', '::/0'];

const known = (text: string): Prefix => {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new TypeError(text);
  return prefix;
};

// Loopback, link-local, multicast: RFC 1122 §3.2.1.3, RFC 3927, RFC 5771, RFC 4291 §2.4.
const SPECIAL: readonly Prefix[] = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/127',
  'fe80::/10',
  'ff00::/8',
].map(known);

export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.bits <= b.bits ? prefixContains(a, b.ip) : prefixContains(b, a.ip);
}

export function overlap(a: string, b: string): boolean {
  const [x, y] = [parsePrefix(a), parsePrefix(b)];
  return x !== undefined && y !== undefined && overlaps(x, y);
}

/** `listed`: what is shared already. */
export function parseNetwork(text: string, listed: readonly string[]): Parsed {
  const parsed = parsePrefix(text.trim());
  if (parsed === undefined) return { kind: 'bad', why: 'not-a-network' };
  const masked = maskPrefix(parsed);
  const prefix = formatPrefix(masked);
  const why = refusalOf(masked, prefix, listed);
  if (why !== undefined) return { kind: 'bad', why };
  return { kind: 'good', prefix, corrected: formatPrefix(parsed) !== prefix };
}

function refusalOf(masked: Prefix, prefix: string, listed: readonly string[]): Refusal | undefined {
  if (masked.bits === 0) return 'everything';
  if (overlaps(masked, CGNAT) || overlaps(masked, TAILNET_ULA)) return 'own-range';
  if (SPECIAL.some((one) => overlaps(one, masked))) return 'special';
  if (listed.includes(prefix)) return 'listed';
  const isWithin = withoutDefaults(listed).some((one) => {
    const other = parsePrefix(one);
    return other !== undefined && other.bits < masked.bits && overlaps(other, masked);
  });
  return isWithin ? 'within' : undefined;
}

/** Offering the way to the internet is another matter than sharing a network. */
export const withoutDefaults = (routes: readonly string[]): readonly string[] =>
  routes.filter((route) => !DEFAULT_ROUTES.includes(route));

/** The whole list again, with what was not on the screen as it was. */
export const withDefaults = (networks: readonly string[], before: readonly string[]): string[] => [
  ...networks,
  ...before.filter((route) => DEFAULT_ROUTES.includes(route)),
];

export interface LocalNetwork {
  readonly interface: string;
  readonly prefix: string;
}

/** Networks of this device's own interfaces that could be shared and are not. */
export const suggestions = (
  local: readonly LocalNetwork[],
  listed: readonly string[],
): readonly LocalNetwork[] => {
  const seen = new Set<string>();
  return local.flatMap((one) => {
    const parsed = parseNetwork(one.prefix, listed);
    if (parsed.kind === 'bad' || seen.has(parsed.prefix)) return [];
    // One address alone is a device, not a network.
    if (/\/(32|128)$/.test(parsed.prefix)) return [];
    seen.add(parsed.prefix);
    return [{ interface: one.interface, prefix: parsed.prefix }];
  });
};

/** The own network that a route of somebody else overlaps. */
export const conflictOf = (route: string, local: readonly LocalNetwork[]): LocalNetwork | undefined =>
  local.find(({ prefix }) => overlap(route, prefix));
