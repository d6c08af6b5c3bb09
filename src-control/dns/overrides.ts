/** Which overrides a machine gets, and what comes out when they are put over what is common. */
import type { Network } from '../state/network.ts';
import type { NodeRecord } from '../store/records.ts';
import { type DnsChoice, type DnsOverride, overlay } from './settings.ts';

export interface OverrideDeps {
  readonly network: Network;
  readonly groupsOf: (userId: number) => readonly string[];
}

/** Indexes of those that fit, in order. */
export function fittingOverrides(
  { network, groupsOf }: OverrideDeps,
  overrides: readonly DnsOverride[],
  record: NodeRecord,
): readonly number[] {
  if (overrides.length === 0) return [];
  const user = record.userId === undefined ? undefined : network.user(record.userId);
  const names = user === undefined ? [] : [user.name, user.identity?.email ?? user.name];
  const groups = user === undefined ? [] : groupsOf(user.id);
  const fits = ({ users, groups: wanted, tags }: DnsOverride): boolean =>
    tags.some((tag) => record.tags.includes(tag)) ||
    users.some((name) => names.includes(name)) ||
    wanted.some((group) => groups.includes(group));
  return overrides.flatMap((one, index) => (fits(one) ? [index] : []));
}

/** Split DNS of an override is for some domains; the others stay as they are. */
export const overridden = (common: DnsChoice, overrides: readonly DnsOverride[]): DnsChoice =>
  overrides.reduce(
    (choice, { choice: other }) => ({
      ...overlay(choice, other),
      splitDns: { ...choice.splitDns, ...other.splitDns },
    }),
    common,
  );
