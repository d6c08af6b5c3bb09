/** The commands that change what this machine is in the network. */

import type { Command, Flag } from '../commands/spec.ts';
import { acceptRiskFlag, loginFlags, setFlags, upFlags } from '../commands/up-flags.ts';

const reasonFlag: Flag = {
  name: 'reason',
  kind: 'text',
  value: 'text',
  about: 'why, where a policy asks for it',
};

const up = (platform: string): Command => ({
  name: 'up',
  about: 'Connect to the network, logging in if needed',
  details:
    'Without flags it connects as before. With flags, they must be the whole of the settings: when one that is not ' +
    'mentioned would change, nothing is done and the full command is shown. --login-server is needed once and kept ' +
    'from then on; --reset leaves it alone, too.',
  flags: upFlags(platform),
  load: async () => (await import('../commands/up.ts')).up,
});

const login = (platform: string): Command => ({
  name: 'login',
  about: 'Log in with another account, keeping those there are',
  details: 'The coordination server is the one in use unless --login-server names another.',
  flags: loginFlags(platform),
  load: async () => (await import('../commands/up.ts')).login,
});

const set = (platform: string): Command => ({
  name: 'set',
  about: 'Change the mentioned settings, and no others',
  flags: setFlags(platform),
  load: async () => (await import('../commands/set.ts')).set,
});

const get: Command = {
  name: 'get',
  about: 'Show settings as they are',
  usage: '[setting|all]',
  maxArgs: 1,
  details: 'The names are those of the flags of `rhumb set`. One setting alone is printed as its bare value.',
  flags: [
    { name: 'json', kind: 'bool', about: 'print JSON' },
    { name: 'set-flags', kind: 'bool', about: 'print flags for `rhumb set`' },
  ],
  load: async () => (await import('../commands/get.ts')).get,
  offers: () => import('../commands/setting-offers.ts').then(({ settings }) => settings),
};

const down: Command = {
  name: 'down',
  about: 'Disconnect; `rhumb up` connects again',
  flags: [reasonFlag, acceptRiskFlag],
  load: async () => (await import('../commands/down.ts')).down,
};

const logout: Command = {
  name: 'logout',
  about: 'Disconnect and forget this login',
  details: 'The key of this machine becomes invalid; using the network again needs a new login.',
  flags: [reasonFlag],
  load: async () => (await import('../commands/down.ts')).logout,
};

const switchTo: Command = {
  name: 'switch',
  about: 'Change to another account that is logged in',
  usage: ['<account>', '--list [--json]'],
  maxArgs: 1,
  details:
    'An account is named by its id, its network, its name or the display name of its network, in that order; ' +
    '`rhumb switch --list` shows them.',
  flags: [
    { name: 'list', kind: 'bool', about: 'show the accounts' },
    { name: 'json', kind: 'bool', about: 'with --list: print JSON' },
  ],
  load: async () => (await import('../commands/switch.ts')).switchAccount,
  offers: () => import('../commands/offers.ts').then(({ accounts }) => accounts),
  subcommands: [
    {
      name: 'remove',
      about: 'Forget an account on this machine',
      usage: '<account>',
      maxArgs: 1,
      details: 'The account itself stays; logging in brings it back.',
      flags: [],
      load: async () => (await import('../commands/switch.ts')).removeAccount,
      offers: () => import('../commands/offers.ts').then(({ accounts }) => accounts),
    },
  ],
};

export const connectCommands = (platform: string): readonly Command[] => [
  up(platform),
  down,
  set(platform),
  get,
  login(platform),
  logout,
  switchTo,
];
