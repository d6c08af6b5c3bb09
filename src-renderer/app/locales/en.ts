/** All English texts of the app, one file for each screen; their keys are the keys of every language. */

import accounts from './en/accounts.json' with { type: 'json' };
import common from './en/common.json' with { type: 'json' };
import devices from './en/devices.json' with { type: 'json' };
import diagnostics from './en/diagnostics.json' with { type: 'json' };
import exit from './en/exit.json' with { type: 'json' };
import home from './en/home.json' with { type: 'json' };
import routes from './en/routes.json' with { type: 'json' };
import settings from './en/settings.json' with { type: 'json' };
import shell from './en/shell.json' with { type: 'json' };
import signin from './en/signin.json' with { type: 'json' };
import trouble from './en/trouble.json' with { type: 'json' };
import ui from './en/ui.json' with { type: 'json' };

export const en = {
  ...common,
  ...shell,
  ...home,
  ...trouble,
  ...signin,
  ...exit,
  ...accounts,
  ...devices,
  ...routes,
  ...settings,
  ...diagnostics,
} as const;
export type EnglishKey = keyof typeof en;

/** Of the shared components, which are known by their English texts. */
export const englishUi: Readonly<Record<string, string>> = ui;
