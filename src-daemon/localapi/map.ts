/** What the routes know of the network: the backend's map, named without its maker. */
import { RhumbError } from '#shared/errors.ts';
import type { Backend } from '../backend/backend.ts';

export type NetworkMap = NonNullable<Backend['map']>;

/** For routes that mean nothing before the server sent a map: 503, as official daemons have it. */
export class NoMap extends RhumbError {
  constructor() {
    super('unavailable', 'no netmap');
  }
}

export function mapOf(backend: Backend): NetworkMap {
  const { map } = backend;
  if (map === undefined) throw new NoMap();
  return map;
}
