/** Every scene. */
import type { Scene } from '../scene.ts';
import { ACCOUNT, EXIT, OFFER, SIGN_IN } from './connect.ts';
import { DEVICE, DEVICES } from './devices.ts';
import { DIAGNOSTICS } from './diagnostics.ts';
import { GETTING_ON } from './getting-on.ts';
import { LAYERS } from './layers.ts';
import { SETTINGS_SCENES } from './settings.ts';
import { HOME, STATES } from './states.ts';
import { TROUBLE } from './trouble.ts';

export const SCENES: readonly Scene[] = [
  ...STATES,
  ...HOME,
  ...GETTING_ON,
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
