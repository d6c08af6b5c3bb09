/** All French texts of the app, loaded when that language is chosen. */
import accounts from './fr/accounts.json' with { type: 'json' };
import common from './fr/common.json' with { type: 'json' };
import devices from './fr/devices.json' with { type: 'json' };
import diagnostics from './fr/diagnostics.json' with { type: 'json' };
import exit from './fr/exit.json' with { type: 'json' };
import home from './fr/home.json' with { type: 'json' };
import routes from './fr/routes.json' with { type: 'json' };
import settings from './fr/settings.json' with { type: 'json' };
import shell from './fr/shell.json' with { type: 'json' };
import signin from './fr/signin.json' with { type: 'json' };
import trouble from './fr/trouble.json' with { type: 'json' };
import ui from './fr/ui.json' with { type: 'json' };

export const fr = {
  texts: {
    ...accounts,
    ...common,
    ...devices,
    ...diagnostics,
    ...exit,
    ...home,
    ...routes,
    ...settings,
    ...shell,
    ...signin,
    ...trouble,
  },
  ui,
} as const;
