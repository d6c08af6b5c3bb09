/** Looking things up by ids that came from elsewhere. */
import type { Device, Snapshot } from './types.ts';

/** This device counts too. */
export function findDevice(
  { devices, self }: Pick<Snapshot, 'devices' | 'self'>,
  id: string,
): Device | undefined {
  if (Object.hasOwn(devices, id)) return devices[id];
  return self?.id === id ? self : undefined;
}
