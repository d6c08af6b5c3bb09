/** Every address of the Headscale-compatible API. */
import type { Endpoint } from '../endpoint.ts';
import { v1KeyEndpoints } from './keys.ts';
import { v1NodeEndpoints } from './nodes.ts';
import { v1PolicyEndpoints } from './policy.ts';
import { v1UserEndpoints } from './users.ts';

export const v1Endpoints: readonly Endpoint[] = [
  ...v1UserEndpoints,
  ...v1KeyEndpoints,
  ...v1NodeEndpoints,
  ...v1PolicyEndpoints,
];
