/** Every scene, in the chapters of the gallery. */
import type { Scene } from '../scene.ts';
import { ACCOUNT, EXIT, OFFER, SIGN_IN } from './connect.ts';
import { DEVICE, DEVICES } from './devices.ts';
import { DIAGNOSTICS } from './diagnostics.ts';
import { GETTING_ON } from './getting-on.ts';
import { LAYERS } from './layers.ts';
import { SETTINGS_SCENES } from './settings.ts';
import { HOME, STATES } from './states.ts';
import { TROUBLE } from './trouble.ts';

export interface Chapter {
  readonly title: string;
  readonly scenes: readonly Scene[];
}

export const CHAPTERS: readonly Chapter[] = [
  { title: 'Home, in every state', scenes: STATES },
  { title: 'Home, with what may be there', scenes: HOME },
  { title: 'The first run, and what comes up later', scenes: GETTING_ON },
  { title: 'Signing in', scenes: SIGN_IN },
  { title: 'Accounts', scenes: ACCOUNT },
  { title: 'Devices', scenes: DEVICES },
  { title: 'One device', scenes: DEVICE },
  { title: 'Exit nodes', scenes: EXIT },
  { title: 'Offering an exit node', scenes: OFFER },
  { title: 'Trouble with the service', scenes: TROUBLE },
  { title: 'Settings and subnet routes', scenes: SETTINGS_SCENES },
  { title: 'Diagnostics', scenes: DIAGNOSTICS },
  { title: 'Over every screen', scenes: LAYERS },
];

export const SCENES: readonly Scene[] = CHAPTERS.flatMap(({ scenes }) => scenes);
