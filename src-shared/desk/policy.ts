/** What an organisation has settled, from the daemon's effective policy. */
import { z } from 'zod';
import type { Policy, Settings } from '../ui-state/types.ts';

export const NO_POLICY: Policy = { organisation: '', fixed: [] };

const MAX_NAME = 256;
const snapshot = z.looseObject({
  Settings: z.record(z.string().max(256), z.looseObject({ Value: z.unknown() })).nullish(),
});

/** Names of the policy, and the setting that each fixes. */
const FIXES: Readonly<Record<string, keyof Settings>> = {
  LoginURL: 'server',
  'AlwaysOn.Enabled': 'wantRunning',
  Hostname: 'hostname',
  UseTailscaleSubnets: 'acceptRoutes',
  UseTailscaleDNSSettings: 'acceptDns',
  AllowIncomingConnections: 'shieldsUp',
  PostureChecking: 'postureChecking',
  ExitNodeID: 'exitNodeId',
  ExitNodeIP: 'exitNodeId',
  ExitNodeAllowLANAccess: 'allowLan',
  CheckUpdates: 'autoUpdateCheck',
  InstallUpdates: 'autoUpdateApply',
  UnattendedMode: 'unattended',
};

/** Values that leave the choice to the user. */
const FREE: readonly unknown[] = ['user-decides', '', false, null, undefined];

/** Of what can't be read nothing is known to be fixed: the daemon refuses what it must in any case. */
export function policyOf(json: unknown): Policy {
  const parsed = snapshot.safeParse(json);
  if (!parsed.success) return NO_POLICY;
  const values = new Map(
    Object.entries(parsed.data.Settings ?? {}).map(([name, { Value }]) => [name, Value] as const),
  );
  const mayOverride = values.get('ExitNode.AllowOverride') === true;
  const fixed = Object.entries(FIXES)
    .filter(([name]) => !FREE.includes(values.get(name)))
    .map(([, setting]) => setting)
    .filter((setting) => setting !== 'exitNodeId' || !mayOverride);
  const by = values.get('ManagedByOrganizationName');
  return {
    organisation: typeof by === 'string' ? by.slice(0, MAX_NAME) : '',
    fixed: [...new Set(fixed)].sort(),
  };
}
