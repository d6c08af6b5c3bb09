/** What a machine may do, as it reads it in its own map: what every machine may, what its user's role gives, what the policy adds. */
import type { NodeCapMap } from '../policy/compile/node-attrs.ts';
import type { UserRecord } from '../store/records.ts';

const SSH = 'https://tailscale.com/cap/ssh';
const FILE_SHARING = 'https://tailscale.com/cap/file-sharing';
const IS_ADMIN = 'https://tailscale.com/cap/is-admin';
const IS_OWNER = 'https://tailscale.com/cap/is-owner';
const HTTPS = 'https';

export interface SelfFacts {
  readonly baseDomain: string;
  /** Undefined for tagged machines. */
  readonly owner: UserRecord | undefined;
  /** DNSConfig as the machine has it. */
  readonly dns: object;
  readonly policy: NodeCapMap;
}

export function selfCaps({ baseDomain, owner, dns, policy }: SelfFacts): NodeCapMap {
  const isOwner = owner?.role === 'owner';
  const hasCertificates =
    'CertDomains' in dns && Array.isArray(dns.CertDomains) && dns.CertDomains.length > 0;
  return {
    'default-auto-update': [false],
    'tailnet-display-name': [baseDomain],
    [FILE_SHARING]: null,
    [SSH]: null,
    ...(isOwner || owner?.role === 'admin' ? { [IS_ADMIN]: null } : {}),
    ...(isOwner ? { [IS_OWNER]: null } : {}),
    ...(hasCertificates ? { [HTTPS]: null } : {}),
    ...policy,
  };
}
