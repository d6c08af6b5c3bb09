/** What a machine may do, as it reads it in its own map: what every machine may, what its user's role gives, what the policy adds. */
import type { NodeCapMap } from '../policy/compile/node-attrs.ts';
import type { UserRecord } from '../store/records.ts';

const SSH = 'https://tailscale.com/cap/ssh';
const FILE_SHARING = 'https://tailscale.com/cap/file-sharing';
const IS_ADMIN = 'https://tailscale.com/cap/is-admin';
const IS_OWNER = 'https://tailscale.com/cap/is-owner';

export interface SelfFacts {
  readonly baseDomain: string;
  /** Undefined for tagged machines. */
  readonly owner: UserRecord | undefined;
  readonly dns: NodeCapMap;
  readonly policy: NodeCapMap;
}

export function selfCaps({ baseDomain, owner, dns, policy }: SelfFacts): NodeCapMap {
  const isOwner = owner?.role === 'owner';
  return {
    'default-auto-update': [false],
    'tailnet-display-name': [baseDomain],
    [FILE_SHARING]: null,
    [SSH]: null,
    ...(isOwner || owner?.role === 'admin' ? { [IS_ADMIN]: null } : {}),
    ...(isOwner ? { [IS_OWNER]: null } : {}),
    ...dns,
    ...policy,
  };
}
