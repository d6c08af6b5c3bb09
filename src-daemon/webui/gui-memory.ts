/** Settings of the page for each visitor, as long as the daemon runs: they are of a look, not of the device. */
import type { GuiSettings } from '#shared/bridge/contract.ts';
import { NEW_GUI_SETTINGS } from '#shared/bridge/new-settings.ts';
import type { GuiStore } from '#shared/desk/calls/parts.ts';

const MAX_VISITORS = 64;

export function guiMemory(): (visitor: string) => GuiStore {
  const known = new Map<string, GuiSettings>();
  return (visitor) => ({
    get settings() {
      return known.get(visitor) ?? NEW_GUI_SETTINGS;
    },
    edit: async (change) => {
      const settings = { ...(known.get(visitor) ?? NEW_GUI_SETTINGS), ...change };
      known.delete(visitor);
      const [oldest] = known.keys();
      if (known.size >= MAX_VISITORS && oldest !== undefined) known.delete(oldest);
      known.set(visitor, settings);
      return settings;
    },
  });
}
