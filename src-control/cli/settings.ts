/** `settings`: what can be changed while the server runs. */
import type { Command } from 'commander';
import { RhumbError } from '#shared/errors.ts';
import type { SettingsJson } from '../admin/settings.ts';
import { against, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { table, yesNo } from './print.ts';

const settingsTable = (settings: SettingsJson): string =>
  table(
    ['Setting', 'Value'],
    [
      ['devices-approval', yesNo(settings.devices_approval)],
      ['users-approval', yesNo(settings.users_approval)],
      ['key-duration-days', String(settings.devices_key_duration_days ?? 'as configured')],
      ['policy-managed-elsewhere', yesNo(settings.policy_managed_elsewhere)],
      ['policy-link', settings.policy_link || '-'],
    ],
  );

function flag(name: string, value: string): boolean {
  if (value === 'on' || value === 'yes' || value === 'true') return true;
  if (value === 'off' || value === 'no' || value === 'false') return false;
  throw new RhumbError('bad-argument', `${name} is on or off, not "${value}"`);
}

function days(value: string): number | null {
  if (value === 'default') return null;
  if (!/^\d{1,4}$/.test(value))
    throw new RhumbError('bad-argument', 'key-duration-days is a number of days, 0 = for ever, or default');
  return Number(value);
}

/** The argument of `settings.set` for one setting by the name that people write. */
const READERS = {
  'devices-approval': (value: string) => ({ devicesApproval: flag('devices-approval', value) }),
  'users-approval': (value: string) => ({ usersApproval: flag('users-approval', value) }),
  'key-duration-days': (value: string) => ({ devicesKeyDurationDays: days(value) }),
  'policy-managed-elsewhere': (value: string) => ({
    policyManagedElsewhere: flag('policy-managed-elsewhere', value),
  }),
  'policy-link': (value: string) => ({ policyLink: value }),
} as const;

const isName = (name: string): name is keyof typeof READERS => Object.hasOwn(READERS, name);

export function settingsCommand(io: Io): Command {
  const get = leaf('get', 'show the settings').action(async () =>
    against(io, get, async (admin, { format }) => {
      const settings = await admin.call('settings.get', {});
      show(io, format, settings, () => settingsTable(settings));
    }),
  );
  const set = leaf('set', 'change a setting')
    .argument('<name>', Object.keys(READERS).join(', '))
    .argument('<value>', 'on, off, a number, or whatever it takes')
    .action(async (name: string, value: string) =>
      against(io, set, async (admin, { format }) => {
        if (!isName(name))
          throw new RhumbError(
            'bad-argument',
            `no setting "${name}": use ${Object.keys(READERS).join(', ')}`,
          );
        const settings = await admin.call('settings.set', READERS[name](value));
        show(io, format, settings, () => settingsTable(settings));
      }),
    );
  return group('settings', 'what can be changed while the server runs').addCommand(get).addCommand(set);
}
