/** All English texts of the app, one file for each screen; their keys are the keys of every language. */
import common from './en/common.json' with { type: 'json' };
import ui from './en/ui.json' with { type: 'json' };

export const en = { ...common } as const;
export type EnglishKey = keyof typeof en;

/** Of the shared components, which are known by their English texts. */
export const englishUi: Readonly<Record<string, string>> = ui;
