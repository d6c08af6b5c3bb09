/** The program's own settings, and what is kept in them. */
import type { GuiSettings, ParsedArg } from '../../bridge/contract.ts';
import type { Handlers } from '../../bridge/dispatch.ts';
import type { CallParts } from './parts.ts';

const MAX_PINNED = 256;

export function guiCalls({ gui }: Pick<CallParts, 'gui'>): Handlers<'gui.get' | 'gui.edit' | 'device.pin'> {
  return {
    'gui.get': (_arg, { caller }) => gui(caller.id).settings,
    'gui.edit': (change, { caller }) => gui(caller.id).edit(named(change)),
    'device.pin': async ({ id, on }, { caller }) => {
      const store = gui(caller.id);
      const others = store.settings.pinnedDevices.filter((one) => one !== id);
      const pinnedDevices = on ? [...others, id].slice(-MAX_PINNED) : others;
      caller.emit('gui', await store.edit({ pinnedDevices }));
      return undefined;
    },
  };
}

/** Only what is named changes. */
const named = (change: ParsedArg<'gui.edit'>): Partial<GuiSettings> =>
  Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
