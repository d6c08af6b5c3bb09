/** Every scene. */
import type { Scene } from '../scene.ts';
import { ACCOUNT, EXIT, OFFER, SIGN_IN, TROUBLE } from './connect.ts';
import { DEVICE, DEVICES } from './devices.ts';
import { DIAGNOSTICS, LAYERS, SETTINGS_SCENES } from './rest.ts';
import { HOME, STATES } from './states.ts';

export const SCENES: readonly Scene[] = [
  ...STATES,
  ...HOME,
  ...SIGN_IN,
  ...ACCOUNT,
  ...DEVICES,
  ...DEVICE,
  ...EXIT,
  ...OFFER,
  ...TROUBLE,
  ...SETTINGS_SCENES,
  ...DIAGNOSTICS,
  ...LAYERS,
];
