/** All French texts of the app, loaded when that language is chosen. */
import common from './fr/common.json' with { type: 'json' };
import ui from './fr/ui.json' with { type: 'json' };

export const fr = { texts: { ...common }, ui } as const;
