/** All German texts of the app, loaded when that language is chosen. */
import common from './de/common.json' with { type: 'json' };
import ui from './de/ui.json' with { type: 'json' };

export const de = { texts: { ...common }, ui } as const;
