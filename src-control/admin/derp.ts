/** Calls about relays. */
import type { DerpMap } from '#shared/wire/map.ts';
import { nothing } from './args.ts';
import { defineCall } from './call.ts';
import { live } from './deps.ts';

const NO_RELAYS: DerpMap = { HomeParams: undefined, Regions: {}, omitDefaultRegions: true };

export const derpCalls = {
  /** As machines get it. */
  'derp.map': defineCall({
    arg: nothing,
    scope: 'networking_settings:read',
    run: async (deps): Promise<DerpMap> => live(deps, 'there is no relay map').derpMap() ?? NO_RELAYS,
  }),
};
