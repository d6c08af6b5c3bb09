/** Webhooks as administrators make, change and remove them; the secret is told once. */
import { RhumbError } from '#shared/errors.ts';
import type { Network } from '../state/network.ts';
import type { Actor, AuditEntry, WebhookRecord } from '../store/records.ts';
import { newSecret, sealedAs, type Vault } from './dispatcher.ts';
import { type EventType, isEventType } from './events.ts';
import type { ProviderType } from './provider.ts';

const MAX_WEBHOOKS = 64;
/** The old secret signs as well for so long, so that a receiver can be told the new one. */
const OVERLAP_MS = 24 * 3_600_000;

export interface NewWebhook {
  readonly url: URL;
  readonly provider: ProviderType;
  readonly subscriptions: readonly string[];
}

export interface MadeWebhook {
  readonly record: WebhookRecord;
  readonly secret: string;
}

export async function addWebhook(
  network: Network,
  vault: Vault,
  given: NewWebhook,
  nowMs: number,
  by: Actor,
): Promise<MadeWebhook> {
  if (network.webhooks.size >= MAX_WEBHOOKS)
    throw new RhumbError('conflict', `there are ${MAX_WEBHOOKS} webhooks already: remove one`);
  const { id, write } = network.nextId('webhook');
  const secret = newSecret();
  const record: WebhookRecord = {
    id,
    url: given.url.href,
    provider: given.provider,
    subscriptions: parseTypes(given.subscriptions),
    sealedSecret: vault.seal(sealedAs(id), secret),
    createdBy: by.name,
    createdAt: nowMs,
    updatedAt: nowMs,
    ...{ disabledAt: undefined, previousSecret: undefined, previousUntil: undefined },
  };
  const audit = [entry(record, 'create', nowMs, by, { new: record.subscriptions.join(' ') })];
  await network.save({ writes: [write, { put: 'webhook', value: record }], audit });
  return { record, secret };
}

export interface WebhookChange {
  readonly subscriptions?: readonly string[] | undefined;
  readonly isEnabled?: boolean | undefined;
}

export async function changeWebhook(
  network: Network,
  webhook: WebhookRecord,
  change: WebhookChange,
  nowMs: number,
  by: Actor,
): Promise<WebhookRecord> {
  const subscriptions =
    change.subscriptions === undefined ? webhook.subscriptions : parseTypes(change.subscriptions);
  const isEnabled = change.isEnabled ?? webhook.disabledAt === undefined;
  const disabledAt = isEnabled ? undefined : (webhook.disabledAt ?? nowMs);
  const value = { ...webhook, subscriptions, disabledAt, updatedAt: nowMs };
  const said = ({ subscriptions: types, disabledAt: off }: WebhookRecord): string =>
    `${types.join(' ')}${off === undefined ? '' : ' (disabled)'}`;
  const audit = [entry(webhook, 'update', nowMs, by, { old: said(webhook), new: said(value) })];
  await network.save({ writes: [{ put: 'webhook', value }], audit });
  return value;
}

export async function rotateSecret(
  network: Network,
  vault: Vault,
  webhook: WebhookRecord,
  nowMs: number,
  by: Actor,
): Promise<MadeWebhook> {
  const secret = newSecret();
  const record = {
    ...webhook,
    sealedSecret: vault.seal(sealedAs(webhook.id), secret),
    previousSecret: webhook.sealedSecret,
    previousUntil: nowMs + OVERLAP_MS,
    updatedAt: nowMs,
  };
  const audit = [entry(webhook, 'update', nowMs, by, { property: 'secret' })];
  await network.save({ writes: [{ put: 'webhook', value: record }], audit });
  return { record, secret };
}

export async function removeWebhook(
  network: Network,
  webhook: WebhookRecord,
  nowMs: number,
  by: Actor,
): Promise<void> {
  const deliveries = [...network.deliveries.values()].filter((one) => one.webhookId === webhook.id);
  const writes = [
    ...deliveries.map(({ id }) => ({ remove: 'delivery', id }) as const),
    { remove: 'webhook', id: webhook.id } as const,
  ];
  await network.save({ writes, audit: [entry(webhook, 'delete', nowMs, by, {})] });
}

function parseTypes(texts: readonly string[]): readonly EventType[] {
  const wrong = texts.find((text) => !isEventType(text));
  if (wrong !== undefined)
    throw new RhumbError('bad-argument', `there is no event "${wrong}": see webhooks events`);
  return [...new Set(texts.filter(isEventType))].sort();
}

interface Said {
  readonly property?: string;
  readonly old?: string;
  readonly new?: string;
}

/** Only the host: the rest of a chat's address lets anybody write there. */
const entry = (webhook: WebhookRecord, action: string, at: number, actor: Actor, said: Said): AuditEntry => ({
  at,
  actor,
  action,
  target: {
    type: 'webhook',
    id: String(webhook.id),
    name: new URL(webhook.url).host,
    ...(said.property === undefined ? {} : { property: said.property }),
  },
  ...(said.old === undefined ? {} : { old: said.old }),
  ...(said.new === undefined ? {} : { new: said.new }),
});
