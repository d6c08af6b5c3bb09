/** Snapshots and devices for tests: what is not said has sensible values. */
import { NO_DEVICE, NO_SETTINGS, NO_SNAPSHOT } from '#shared/ui-state/empty.ts';
import type { Device, Settings, Snapshot } from '#shared/ui-state/types.ts';

export const device = (change: Partial<Device> & { readonly name: string }): Device => ({
  ...NO_DEVICE,
  id: `n-${change.name}`,
  isOnline: true,
  addresses: ['100.64.0.9'],
  ...change,
});

export const settings = (change: Partial<Settings> = {}): Settings => ({
  ...NO_SETTINGS,
  wantRunning: true,
  ...change,
});

/** Connected and well, unless told otherwise. */
export const snapshot = (
  change: Partial<Omit<Snapshot, 'devices'>> & { readonly devices?: readonly Device[] } = {},
): Snapshot => ({
  ...NO_SNAPSHOT,
  link: { kind: 'ready', rights: 'manage' },
  state: 'Running',
  settings: settings(),
  self: device({ name: 'laptop' }),
  ...change,
  devices: Object.fromEntries((change.devices ?? []).map((one) => [one.id, one])),
});
