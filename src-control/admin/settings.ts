/** Calls about what can be changed while the server runs. */
import { z } from 'zod';
import { changeRunSettings, type RunSettings, runSettings } from '../state/run-settings.ts';
import { nothing } from './args.ts';
import { defineCall } from './call.ts';
import type { AdminDeps } from './deps.ts';

export interface SettingsJson {
  readonly devices_approval: boolean;
  readonly users_approval: boolean;
  /** Null = as the configuration says, 0 = for ever. */
  readonly devices_key_duration_days: number | null;
  readonly policy_managed_elsewhere: boolean;
  readonly policy_link: string;
  readonly contacts: { readonly account: string; readonly support: string; readonly security: string };
}

/** As it holds: the configuration may demand approval too. */
const settingsJson = ({ live }: AdminDeps, settings: RunSettings): SettingsJson => ({
  devices_approval: live?.register.needsApproval?.() ?? settings.devicesApprovalOn,
  users_approval: settings.usersApprovalOn,
  devices_key_duration_days: settings.devicesKeyDurationDays,
  policy_managed_elsewhere: settings.aclsExternallyManagedOn,
  policy_link: settings.aclsExternalLink,
  contacts: settings.contacts,
});

const email = z.union([z.literal(''), z.email().max(254)]);
const link = z.union([z.literal(''), z.url({ protocol: /^https?$/ }).max(2_048)]);

/** Only what is said changes. */
const patch = z.strictObject({
  devicesApproval: z.boolean().optional(),
  usersApproval: z.boolean().optional(),
  devicesKeyDurationDays: z.int().min(0).max(3_650).nullable().optional(),
  policyManagedElsewhere: z.boolean().optional(),
  policyLink: link.optional(),
});

const without = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;

export const settingsCalls = {
  'settings.get': defineCall({
    arg: nothing,
    scope: 'feature_settings:read',
    run: async (deps) => settingsJson(deps, runSettings(deps.network)),
  }),
  'settings.set': defineCall({
    arg: patch,
    scope: 'feature_settings',
    run: async (deps, arg, by) => {
      const { network, clock } = deps;
      const changed = without({
        devicesApprovalOn: arg.devicesApproval,
        usersApprovalOn: arg.usersApproval,
        devicesKeyDurationDays: arg.devicesKeyDurationDays,
        aclsExternallyManagedOn: arg.policyManagedElsewhere,
        aclsExternalLink: arg.policyLink,
      });
      // `without` leaves no undefined.
      const settings = await changeRunSettings(network, changed as Partial<RunSettings>, clock.now(), by);
      return settingsJson(deps, settings);
    },
  }),
  'settings.contacts': defineCall({
    arg: nothing,
    scope: 'account_settings:read',
    run: async ({ network }) => runSettings(network).contacts,
  }),
  'settings.set-contact': defineCall({
    arg: z.strictObject({ type: z.enum(['account', 'support', 'security']), email }),
    scope: 'account_settings',
    run: async ({ network, clock }, arg, by) => {
      const contacts = { ...runSettings(network).contacts, [arg.type]: arg.email };
      return (await changeRunSettings(network, { contacts }, clock.now(), by)).contacts;
    },
  }),
};
