/** The sets that the language has names for (policy.md §3.6). */
import { assert } from '#shared/errors.ts';
import { CGNAT, CHROMEOS, parsePrefix, TAILNET_ULA } from '#shared/ip/address.ts';
import { type Cidr, cidrOf, type RangeSet, setOfCidrs, subtract } from './ranges.ts';

const cidr = (text: string): Cidr => {
  const prefix = parsePrefix(text);
  assert(prefix !== undefined, text);
  return cidrOf(prefix);
};

/** What `*` is as a source: a constant, also where a deployment uses narrower prefixes. */
export const TAILNET: RangeSet = subtract(
  setOfCidrs([cidrOf(CGNAT), cidrOf(TAILNET_ULA)]),
  setOfCidrs([cidrOf(CHROMEOS)]),
);

/** `autogroup:internet`. */
export const INTERNET: RangeSet = subtract(
  setOfCidrs([cidr('0.0.0.0/0'), cidr('2000::/3')]),
  setOfCidrs(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'].map(cidr)),
);

export const ALL_V4: Cidr = cidr('0.0.0.0/0');
export const ALL_V6: Cidr = cidr('::/0');

/** The addresses that machines get (policy.md §12.4). */
export const POOL: Cidr = cidrOf(CGNAT);
/** Parts of it with a meaning of their own. */
export const RESERVED: readonly Cidr[] = [cidr('100.100.100.0/24'), cidrOf(CHROMEOS)];
