/** All German texts of the app, loaded when that language is chosen. */
import accounts from './de/accounts.json' with { type: 'json' };
import common from './de/common.json' with { type: 'json' };
import devices from './de/devices.json' with { type: 'json' };
import diagnostics from './de/diagnostics.json' with { type: 'json' };
import exit from './de/exit.json' with { type: 'json' };
import home from './de/home.json' with { type: 'json' };
import routes from './de/routes.json' with { type: 'json' };
import settings from './de/settings.json' with { type: 'json' };
import shell from './de/shell.json' with { type: 'json' };
import signin from './de/signin.json' with { type: 'json' };
import trouble from './de/trouble.json' with { type: 'json' };
import ui from './de/ui.json' with { type: 'json' };

export const de = {
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
