/** What every flow has: a world, a tab with the app, somebody's hands; and the ways that all of them go. */
import type { Hands } from '../hands.ts';
import type { Tab } from '../tab.ts';
import { button, link, thing } from '../thing.ts';
import type { World } from '../world.ts';

export interface Parts {
  readonly world: World;
  readonly tab: Tab;
  readonly hands: Hands;
}

export type Flow = (parts: Parts) => Promise<void>;

const sections = thing('navigation')('Sections');

/** By the navigation; Home's heading is the state. */
export async function goTo(
  { tab, hands }: Parts,
  section: string,
  heading: string | RegExp = section,
): Promise<void> {
  await hands.press(link(section, sections));
  await tab.arrives(heading, section);
}

/** The button with the name of whose account it is. */
export const accountButton = (name: string | RegExp = /^Account /) => button(name);

/** Home, with the state of the connection. */
export const home = ({ tab }: Parts, heading: string | RegExp): Promise<void> => tab.shows(heading, 'Home');

/** The one screen that begins in its search field, not at its heading (desktop.md §5.6.2). */
export async function arrivesAtPicker({ tab }: Pick<Parts, 'tab'>): Promise<void> {
  await tab.shows('Exit node', 'Exit node');
  await tab.focuses(/^input Search devices and places/);
}

export async function openPicker(parts: Parts): Promise<void> {
  await parts.hands.press(link('Exit node', sections));
  await arrivesAtPicker(parts);
}
