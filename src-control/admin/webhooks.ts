/** Calls about webhooks. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import type { Network } from '../state/network.ts';
import type { DeliveryRecord, WebhookRecord } from '../store/records.ts';
import { EVENT_TYPES } from '../webhooks/events.ts';
import { addWebhook, changeWebhook, removeWebhook, rotateSecret } from '../webhooks/keep.ts';
import { PROVIDERS } from '../webhooks/provider.ts';
import { checkTarget } from '../webhooks/target.ts';
import { nothing } from './args.ts';
import { defineCall } from './call.ts';
import { may } from './caller.ts';
import { live } from './deps.ts';

const id = z.int().min(1);
const subscriptions = z.array(z.string().min(1).max(64)).max(64);
const WHY = 'nothing can be sent';

export interface WebhookJson {
  readonly id: number;
  readonly url: string;
  readonly provider: string;
  readonly subscriptions: readonly string[];
  readonly disabled: boolean;
  readonly created_by: string;
  readonly created_at: string;
  readonly updated_at: string;
  /** Only when it has just been made. */
  readonly secret?: string;
}

export interface DeliveryJson {
  readonly id: number;
  readonly events: readonly string[];
  readonly created_at: string;
  readonly attempts: number;
  /** Null when it is over. */
  readonly next_at: string | null;
  readonly delivered_at: string | null;
  readonly status: number | null;
  readonly problem: string | null;
}

const timeJson = (ms: number | undefined): string | null => (ms === undefined ? null : formatTime(ms));

const webhookJson = (record: WebhookRecord, secret?: string): WebhookJson => ({
  id: record.id,
  url: record.url,
  provider: record.provider,
  subscriptions: record.subscriptions,
  disabled: record.disabledAt !== undefined,
  created_by: record.createdBy,
  created_at: formatTime(record.createdAt),
  updated_at: formatTime(record.updatedAt),
  ...(secret === undefined ? {} : { secret }),
});

/** The path of a chat's address lets anybody write there. */
const withoutPath = (one: WebhookJson): WebhookJson => ({ ...one, url: `${new URL(one.url).origin}/…` });

const deliveryJson = (record: DeliveryRecord): DeliveryJson => ({
  id: record.id,
  events: record.events,
  created_at: formatTime(record.createdAt),
  attempts: record.attempts,
  next_at: timeJson(record.nextAt),
  delivered_at: timeJson(record.deliveredAt),
  status: record.status ?? null,
  problem: record.problem ?? null,
});

function find(network: Network, wanted: number): WebhookRecord {
  const webhook = network.webhooks.get(wanted);
  if (webhook === undefined) throw new RhumbError('not-found', `no webhook ${wanted}: see webhooks list`);
  return webhook;
}

export const webhookCalls = {
  'webhooks.list': defineCall({
    arg: nothing,
    scope: 'webhooks:read',
    run: async ({ network }, _arg, by): Promise<readonly WebhookJson[]> => {
      const all = [...network.webhooks.values()].map((one) => webhookJson(one));
      return may(by, 'webhooks') ? all : all.map(withoutPath);
    },
  }),
  'webhooks.events': defineCall({
    arg: nothing,
    scope: 'webhooks:read',
    run: async (): Promise<readonly string[]> => EVENT_TYPES.filter((type) => type !== 'test'),
  }),
  'webhooks.create': defineCall({
    arg: z.strictObject({
      url: z.string().min(1).max(2_048),
      provider: z.enum(PROVIDERS).default('generic'),
      subscriptions,
    }),
    scope: 'webhooks',
    run: async (deps, arg, by): Promise<WebhookJson> => {
      const { webhooks } = live(deps, WHY);
      const given = { ...arg, url: checkTarget(arg.url, webhooks.allowsInside()) };
      const made = await addWebhook(deps.network, webhooks.vault, given, deps.clock.now(), by);
      return webhookJson(made.record, made.secret);
    },
  }),
  'webhooks.update': defineCall({
    arg: z.strictObject({ id, subscriptions: subscriptions.optional(), enabled: z.boolean().optional() }),
    scope: 'webhooks',
    run: async ({ network, clock }, arg, by): Promise<WebhookJson> => {
      const change = { subscriptions: arg.subscriptions, isEnabled: arg.enabled };
      return webhookJson(await changeWebhook(network, find(network, arg.id), change, clock.now(), by));
    },
  }),
  'webhooks.delete': defineCall({
    arg: z.strictObject({ id }),
    scope: 'webhooks',
    run: async ({ network, clock }, arg, by): Promise<WebhookJson> => {
      const webhook = find(network, arg.id);
      await removeWebhook(network, webhook, clock.now(), by);
      return webhookJson(webhook);
    },
  }),
  'webhooks.rotate': defineCall({
    arg: z.strictObject({ id }),
    scope: 'webhooks',
    run: async (deps, arg, by): Promise<WebhookJson> => {
      const { network, clock } = deps;
      const { vault } = live(deps, WHY).webhooks;
      const made = await rotateSecret(network, vault, find(network, arg.id), clock.now(), by);
      return webhookJson(made.record, made.secret);
    },
  }),
  'webhooks.test': defineCall({
    arg: z.strictObject({ id }),
    scope: 'webhooks',
    run: async (deps, arg): Promise<{ readonly status: number | null; readonly problem: string | null }> => {
      const { dispatcher } = live(deps, WHY).webhooks;
      const { status, problem } = await dispatcher.test(find(deps.network, arg.id));
      return { status: status ?? null, problem: problem ?? null };
    },
  }),
  'webhooks.deliveries': defineCall({
    arg: z.strictObject({ id }),
    scope: 'webhooks:read',
    run: async ({ network }, arg): Promise<readonly DeliveryJson[]> => {
      const { id: wanted } = find(network, arg.id);
      return [...network.deliveries.values()]
        .filter((one) => one.webhookId === wanted)
        .map(deliveryJson)
        .reverse();
    },
  }),
};
