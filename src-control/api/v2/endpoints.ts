/** Every address of the public API. */
import type { Endpoint } from '../endpoint.ts';
import { aclEndpoints } from './acl.ts';
import { attributeEndpoints } from './attributes.ts';
import { deviceEndpoints } from './devices.ts';
import { dnsEndpoints } from './dns.ts';
import { keyEndpoints } from './keys.ts';
import { loggingEndpoints } from './logging.ts';
import { settingsEndpoints } from './settings.ts';
import { userEndpoints } from './users.ts';
import { webhookEndpoints } from './webhooks.ts';

export const v2Endpoints: readonly Endpoint[] = [
  ...deviceEndpoints,
  ...attributeEndpoints,
  ...userEndpoints,
  ...keyEndpoints,
  ...aclEndpoints,
  ...dnsEndpoints,
  ...loggingEndpoints,
  ...settingsEndpoints,
  ...webhookEndpoints,
];
