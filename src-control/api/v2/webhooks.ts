/** `/tailnet/{t}/webhooks` and `/webhooks/{id}` (coordination-server.md §13.5). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { WebhookJson } from '../../admin/webhooks.ts';
import { PROVIDERS } from '../../webhooks/provider.ts';
import { type Asked, empty, endpoint } from '../endpoint.ts';
import { checkTailnet, inTailnet, withId } from './common.ts';

const webhook = z
  .object({
    endpointId: z.string(),
    endpointUrl: z.string(),
    providerType: z.string(),
    creatorLoginName: z.string(),
    created: z.string(),
    lastModified: z.string(),
    subscriptions: z.array(z.string()),
    /** When it has just been made. */
    secret: z.string().optional(),
  })
  .meta({ id: 'Webhook' });

/** The public API has no name for the plain kind. */
const shown = (one: WebhookJson): z.output<typeof webhook> => ({
  endpointId: String(one.id),
  endpointUrl: one.url,
  providerType: one.provider === 'generic' ? '' : one.provider,
  creatorLoginName: one.created_by,
  created: one.created_at,
  lastModified: one.updated_at,
  subscriptions: [...one.subscriptions],
  ...(one.secret === undefined ? {} : { secret: one.secret }),
});

function idOf({ deps }: Asked, text: string): { readonly id: number } {
  const id = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (deps.network.webhooks.get(id) === undefined) throw new RhumbError('not-found', 'webhook not found');
  return { id };
}

const provider = z
  .string()
  .max(32)
  .nullish()
  .transform((text) => text || 'generic')
  .pipe(z.enum(PROVIDERS));
const subscriptions = z.array(z.string().max(64)).max(64);
const path = '/api/v2/webhooks/:id';
const writing = { need: 'webhooks', tag: 'Webhooks', params: withId } as const;

export const webhookEndpoints = [
  endpoint({
    ...{ method: 'GET', path: '/api/v2/tailnet/:t/webhooks', need: 'webhooks:read', tag: 'Webhooks' },
    summary: 'List webhooks',
    params: inTailnet,
    result: z.object({ webhooks: z.array(webhook) }),
    run: async (asked, { params }) => {
      checkTailnet(asked, params.t);
      return { webhooks: (await asked.call('webhooks.list', {})).map(shown) };
    },
  }),
  endpoint({
    ...{ method: 'POST', path: '/api/v2/tailnet/:t/webhooks', need: 'webhooks', tag: 'Webhooks' },
    summary: 'Make a webhook; its secret is shown once',
    params: inTailnet,
    body: z.object({ endpointUrl: z.string().min(1).max(2_048), providerType: provider, subscriptions }),
    result: webhook,
    run: async (asked, { params, body }) => {
      checkTailnet(asked, params.t);
      const { endpointUrl: url, providerType, subscriptions } = body;
      return shown(await asked.call('webhooks.create', { url, provider: providerType, subscriptions }));
    },
  }),
  endpoint({
    ...{ method: 'GET', path, need: 'webhooks:read', tag: 'Webhooks', params: withId, result: webhook },
    summary: 'Show a webhook',
    run: async (asked, { params }) => {
      const { id } = idOf(asked, params.id);
      const found = (await asked.call('webhooks.list', {})).find((one) => one.id === id);
      return found === undefined ? {} : shown(found);
    },
  }),
  endpoint({
    ...{ ...writing, method: 'PATCH', path, result: webhook, body: z.object({ subscriptions }) },
    summary: 'Change what a webhook is told of',
    run: async (asked, { params, body }) => {
      const { subscriptions } = body;
      return shown(await asked.call('webhooks.update', { ...idOf(asked, params.id), subscriptions }));
    },
  }),
  endpoint({
    ...{ ...writing, method: 'DELETE', path, result: empty, summary: 'Delete a webhook' },
    run: async (asked, { params }) => {
      await asked.call('webhooks.delete', idOf(asked, params.id));
      return {};
    },
  }),
  endpoint({
    ...{ ...writing, method: 'POST', path: `${path}/test`, result: empty, summary: 'Send a test event' },
    run: async (asked, { params }) => {
      const { problem } = await asked.call('webhooks.test', idOf(asked, params.id));
      if (problem !== null) throw new RhumbError('unavailable', `the test was not delivered: ${problem}`);
      return {};
    },
  }),
  endpoint({
    ...{ ...writing, method: 'POST', path: `${path}/rotate`, result: webhook },
    summary: 'Give a webhook another secret; it is shown once',
    run: async (asked, { params }) => shown(await asked.call('webhooks.rotate', idOf(asked, params.id))),
  }),
];
