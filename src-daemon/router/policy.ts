/** Policy rules: who looks into our routing table, and at which priority (localapi-and-daemon.md §6.2). */
import { MARK_MASK } from '../firewall/rules.ts';
import { BYPASS_MARK } from '../outside/escape.ts';

/** As the official client's: what knows of one knows of both. */
export const ROUTE_TABLE = 52;

export interface PolicyRule {
  readonly priority: number;
  /** As `ip rule add` takes them; empty = everything. */
  readonly selector: string;
  readonly action: string;
}

export interface PolicyStyle {
  readonly base: number;
  /** Ubiquiti's devices: their own rules between ours would catch what carries our mark. */
  readonly single: boolean;
}

export const USUAL_POLICY: PolicyStyle = { base: 5_200, single: false };

/** How far from the base priority rules count as ours to watch. */
export const POLICY_SPAN = 100;

const MARKED = `fwmark 0x${BYPASS_MARK.toString(16)}/0x${MARK_MASK.toString(16)}`;

/**
 * The daemon's own packets know the main table alone and fail where that has no way, for in ours they would go round in
 * circles; all others look into ours first. The gaps are for rules of the administrator's own.
 */
export function policyRules({ base, single }: PolicyStyle): readonly PolicyRule[] {
  const ours = { priority: base + 70, action: `lookup ${ROUTE_TABLE}` };
  if (single) return [{ ...ours, selector: `not ${MARKED}` }];
  return [
    { priority: base + 10, selector: MARKED, action: 'lookup main' },
    { priority: base + 30, selector: MARKED, action: 'lookup default' },
    { priority: base + 50, selector: MARKED, action: 'unreachable' },
    { ...ours, selector: '' },
  ];
}

/** The same for equal rules only. */
export const ruleKey = ({ priority, selector, action }: PolicyRule): string =>
  `${priority} ${selector} ${action}`;

/** OpenWrt's mwan3 decides from priority 1001 to 2254: there ours must come between its rules and its tables. */
const MWAN3_POLICY: PolicyStyle = { base: 1_300, single: false };

export function policyStyle(facts: {
  readonly hasFile: (path: string) => boolean;
  readonly rules: readonly PolicyRule[];
}): PolicyStyle {
  const { hasFile, rules } = facts;
  if (hasFile('/usr/bin/ubnt-device-info')) return { base: 5_200, single: true };
  const hasMwan3 =
    hasFile('/etc/openwrt_version') &&
    hasFile('/etc/config/mwan3') &&
    rules.some(
      ({ priority, selector }) => priority >= 2_001 && priority <= 2_004 && selector.includes('fwmark'),
    );
  return hasMwan3 ? MWAN3_POLICY : USUAL_POLICY;
}
