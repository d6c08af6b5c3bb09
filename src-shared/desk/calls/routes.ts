/** What hinders this machine from carrying others' packets, and which networks it is in. */
import type { Handlers } from '../../bridge/dispatch.ts';
import type { CallParts } from './parts.ts';

const MAX_TEXT = 8_192;
const MAX_NETWORKS = 256;

export function routesCalls({
  api,
  localNetworks,
}: Pick<CallParts, 'api' | 'localNetworks'>): Handlers<'routes.check' | 'routes.local'> {
  return {
    'routes.check': async (_arg, { signal }) => {
      const [forwarding, udpGro] = await Promise.all([
        api.warning('check-ip-forwarding', signal),
        api.warning('check-udp-gro-forwarding', signal),
      ]);
      return { forwarding: forwarding.slice(0, MAX_TEXT), udpGro: udpGro.slice(0, MAX_TEXT) };
    },
    'routes.local': () => [...localNetworks().slice(0, MAX_NETWORKS)],
  };
}
