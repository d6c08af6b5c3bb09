/** Every address of the public API. */
import type { Endpoint } from '../endpoint.ts';
import { deviceEndpoints } from './devices.ts';
import { dnsEndpoints } from './dns.ts';
import { keyEndpoints } from './keys.ts';
import { settingsEndpoints } from './settings.ts';
import { userEndpoints } from './users.ts';

export const v2Endpoints: readonly Endpoint[] = [
  ...deviceEndpoints,
  ...userEndpoints,
  ...keyEndpoints,
  ...dnsEndpoints,
  ...settingsEndpoints,
];
