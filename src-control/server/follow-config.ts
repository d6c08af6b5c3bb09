/** What happens in the rooms of a running server when the configuration changes; what is not here holds by being read anew, or after a restart. */
import type { EphemeralWatch } from '../state/ephemeral.ts';
import type { Config } from './config.ts';
import type { Dns } from './dns.ts';
import type { Relays } from './relays.ts';
import type { LiveConfig } from './reload.ts';

export interface Rooms {
  readonly dns: Pick<Dns, 'apply'>;
  readonly relays: Pick<Relays, 'apply'>;
  readonly ephemeral: EphemeralWatch;
  /** Rejects, with the old providers in place, when new ones that must be there are not. */
  readonly replaceOidc: (config: Config) => Promise<void>;
}

export function followConfig(live: LiveConfig, { dns, relays, ephemeral, replaceOidc }: Rooms): void {
  live.on(['dns.settings'], (config) => dns.apply(config.dns.settings));
  live.on(['derpMap', 'derpMapFiles', 'derpMapUrls', 'derpMapRefreshMs'], (config) => relays.apply(config));
  live.on(['ephemeralTimeoutMs'], (config) => ephemeral.setInactivity(config.ephemeralTimeoutMs));
  live.on(['oidc'], replaceOidc);
  // Read each time.
  live.on(['deleteInactiveMs', 'deviceApproval', 'routing']);
}
