/** `/tailnet/{t}/settings` and `/contacts` (coordination-server.md §13.4). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { runSettings } from '../../state/run-settings.ts';
import { type Asked, empty, endpoint } from '../endpoint.ts';
import { checkTailnet, inTailnet } from './common.ts';

const settings = z
  .object({
    aclsExternallyManagedOn: z.boolean(),
    aclsExternalLink: z.string(),
    devicesApprovalOn: z.boolean(),
    devicesAutoUpdatesOn: z.boolean(),
    devicesKeyDurationDays: z.int(),
    usersApprovalOn: z.boolean(),
    usersRoleAllowedToJoinExternalTailnets: z.enum(['none', 'admin', 'member']),
    networkFlowLoggingOn: z.boolean(),
    regionalRoutingOn: z.boolean(),
    postureIdentityCollectionOn: z.boolean(),
    httpsEnabled: z.boolean(),
  })
  .meta({ id: 'TailnetSettings' });
type SettingsJson = z.output<typeof settings>;

const DAY_MS = 86_400_000;

function settingsJson({ deps }: Asked): SettingsJson {
  const now = runSettings(deps.network);
  const configured = Math.round((deps.live?.register.keyLifetimeMs ?? 0) / DAY_MS);
  return {
    aclsExternallyManagedOn: now.aclsExternallyManagedOn,
    aclsExternalLink: now.aclsExternalLink,
    devicesApprovalOn: deps.live?.register.needsApproval?.() ?? now.devicesApprovalOn,
    devicesAutoUpdatesOn: false,
    devicesKeyDurationDays: now.devicesKeyDurationDays ?? configured,
    usersApprovalOn: now.usersApprovalOn,
    usersRoleAllowedToJoinExternalTailnets: 'none',
    networkFlowLoggingOn: false,
    regionalRoutingOn: false,
    postureIdentityCollectionOn: false,
    httpsEnabled: deps.dns.effective.https,
  };
}

/** What this server has no notion of: said so when somebody turns it on, accepted as it is. */
const FIXED = [
  'devicesAutoUpdatesOn',
  'networkFlowLoggingOn',
  'regionalRoutingOn',
  'postureIdentityCollectionOn',
] as const;

function refuseUnknown(body: z.output<typeof patch>): void {
  const on = FIXED.find((name) => body[name] === true);
  if (on !== undefined) throw new RhumbError('bad-argument', `${on} is not supported by this server`);
  const external = body.usersRoleAllowedToJoinExternalTailnets;
  if (external !== undefined && external !== null && external !== 'none')
    throw new RhumbError('bad-argument', 'usersRoleAllowedToJoinExternalTailnets can only be none here');
}

const patch = z
  .object(Object.fromEntries(Object.entries(settings.shape).map(([name, one]) => [name, one.nullish()])))
  .transform((body) => body as { readonly [K in keyof SettingsJson]?: SettingsJson[K] | null | undefined });

const contact = z.object({ email: z.string(), needsVerification: z.boolean() });
const contacts = z.object({ account: contact, support: contact, security: contact }).meta({ id: 'Contacts' });

export const settingsEndpoints = [
  endpoint({
    ...{ method: 'GET', path: '/api/v2/tailnet/:t/settings', need: 'feature_settings:read', tag: 'Settings' },
    summary: 'Show what can be changed at run time',
    params: inTailnet,
    result: settings,
    run: async (asked, { params }) => {
      checkTailnet(asked, params.t);
      return settingsJson(asked);
    },
  }),
  endpoint({
    ...{ method: 'PATCH', path: '/api/v2/tailnet/:t/settings', need: 'feature_settings', tag: 'Settings' },
    summary: 'Change some of it',
    params: inTailnet,
    body: patch,
    result: settings,
    run: async (asked, { params, body }) => {
      checkTailnet(asked, params.t);
      refuseUnknown(body);
      await asked.call('settings.set', {
        devicesApproval: body.devicesApprovalOn ?? undefined,
        usersApproval: body.usersApprovalOn ?? undefined,
        devicesKeyDurationDays: body.devicesKeyDurationDays ?? undefined,
        policyManagedElsewhere: body.aclsExternallyManagedOn ?? undefined,
        policyLink: body.aclsExternalLink ?? undefined,
      });
      const https = body.httpsEnabled ?? undefined;
      if (https !== undefined && https !== asked.deps.dns.effective.https)
        await asked.call('dns.set', { https });
      return settingsJson(asked);
    },
  }),
  endpoint({
    ...{ method: 'GET', path: '/api/v2/tailnet/:t/contacts', need: 'account_settings:read', tag: 'Contacts' },
    summary: 'Whom to write to',
    params: inTailnet,
    result: contacts,
    run: async (asked, { params }) => {
      checkTailnet(asked, params.t);
      const all = runSettings(asked.deps.network).contacts;
      return Object.fromEntries(
        Object.entries(all).map(([type, email]) => [type, { email, needsVerification: false }]),
      );
    },
  }),
  endpoint({
    ...{
      method: 'PATCH',
      path: '/api/v2/tailnet/:t/contacts/:type',
      need: 'account_settings',
      tag: 'Contacts',
    },
    summary: 'Change an address to write to',
    params: inTailnet.extend({ type: z.enum(['account', 'support', 'security']) }),
    body: z.object({ email: z.string().max(254).optional() }),
    result: empty,
    run: async (asked, { params, body }) => {
      checkTailnet(asked, params.t);
      if (body.email !== undefined)
        await asked.call('settings.set-contact', { type: params.type, email: body.email });
      return {};
    },
  }),
];
