/** The relays as a member of a map message. */
import type { DerpMap } from '#shared/wire/map.ts';

export function derpMapMember(derpMap: DerpMap | undefined): string {
  const hasRegion = Object.values(derpMap?.Regions ?? {}).some((region) => region !== null);
  return `"DERPMap":${JSON.stringify(hasRegion ? derpMap : NO_RELAYS)}`;
}

/**
 * What machines get while the network has no relay. Official clients stay in "Starting", and their `up` waits for ever,
 * until they have a live peer or have tried a relay; so they get one to try, which says what it is and never answers.
 */
const NO_RELAYS = {
  Regions: {
    900: {
      RegionID: 900,
      RegionCode: 'none',
      RegionName: 'none: this network has no relay',
      Nodes: [
        {
          Name: '900a',
          RegionID: 900,
          HostName: '127.0.0.1',
          IPv4: '127.0.0.1',
          IPv6: 'none',
          // No STUN, and the discard port, where nobody listens.
          STUNPort: -1,
          DERPPort: 9,
        },
      ],
    },
  },
  omitDefaultRegions: true,
};
