/** The commands about the program itself. */
import type { Command, Flag } from '../commands/spec.ts';

const trackFlag: Flag = {
  name: 'track',
  kind: 'text',
  value: 'track',
  about: 'stable or unstable; the one of this version unless given',
};

export const version: Command = {
  name: 'version',
  about: 'Show the version',
  flags: [
    { name: 'daemon', kind: 'bool', about: 'also show the version of the daemon' },
    { name: 'json', kind: 'bool', about: 'print JSON' },
    { name: 'upstream', kind: 'bool', about: 'also show the newest release' },
    trackFlag,
  ],
  load: async () => (await import('../commands/version.ts')).version,
  isOffline: ({ flags }) => !flags.bool('daemon') && !flags.bool('upstream'),
};

export const update: Command = {
  name: 'update',
  about: 'Say how this installation is updated',
  details:
    'Packages are updated by the package manager of the system, a checkout by git. Nothing is downloaded here: ' +
    'an update that is not from where the installation came from would not survive the next one.',
  flags: [
    { name: 'yes', kind: 'bool', about: 'don’t ask' },
    { name: 'dry-run', kind: 'bool', about: 'only show what would be done' },
    { name: 'version', kind: 'text', value: 'version', about: 'this version instead of the newest' },
    trackFlag,
  ],
  load: async () => (await import('../commands/update.ts')).update,
  isOffline: () => true,
};

export const licenses: Command = {
  name: 'licenses',
  about: 'Show the licences of the software in this program',
  flags: [],
  load: async () => (await import('../commands/licenses.ts')).licenses,
  isOffline: () => true,
};

export const bugreport: Command = {
  name: 'bugreport',
  about: 'Mark the daemon’s log, for a report of a fault',
  usage: '[note]',
  maxArgs: 1,
  flags: [
    { name: 'diagnose', kind: 'bool', about: 'look deeper and write that to the log, too' },
    { name: 'record', kind: 'bool', about: 'set a second mark when the fault was shown again' },
  ],
  load: async () => (await import('../commands/bugreport.ts')).bugreport,
};

export const web: Command = {
  name: 'web',
  about: 'Open the daemon’s page in a browser',
  details:
    'Prints a link to the page, on this machine alone, and opens it. The link works once and lets its visitor do what you ' +
    'may do. To let your other devices open the page too, use `rhumb set --webclient`.',
  flags: [
    { name: 'readonly', kind: 'bool', about: 'a link to look and change nothing' },
    { name: 'browser', kind: 'bool', initial: true, about: 'open it in a browser' },
  ],
  load: async () => (await import('../commands/web.ts')).web,
};
