/** Tells webhooks what happens: events become deliveries on disk, which are tried until they are taken or too old. */
import { randomBytes } from 'node:crypto';
import type { Clock, Random } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { Change } from '../state/changes.ts';
import type { Meter } from '../state/meter.ts';
import { isAdmitted, type Network } from '../state/network.ts';
import type { AuditEntry, DeliveryRecord, WebhookRecord, Write } from '../store/records.ts';
import { type EventPlace, type EventType, eventOf, eventOfEntry, type WebhookEvent } from './events.ts';
import { watchKeyEnds } from './key-ends.ts';
import { afterAttempt, isHopeless, surplus } from './plan.ts';
import { bodyFor, PROVIDERS } from './provider.ts';
import { watchRouteNews } from './route-news.ts';
import { deliver, type Outcome } from './send.ts';
import { SIGNATURE_HEADER, signatureOf } from './signature.ts';
import { checkTarget } from './target.ts';

/** Hides what must not be readable in a copy of the database. */
export interface Vault {
  seal(about: string, plain: string): Uint8Array;
  unseal(about: string, sealed: Uint8Array): string | undefined;
}

export interface DispatcherDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly vault: Vault;
  readonly place: EventPlace;
  readonly allowsInside: () => boolean;
}

/** Events of one moment go together. */
const GATHER_MS = 1_000;
/** A machine that was away for less was never away. */
const PRESENCE_MS = 60_000;
const AT_ONCE = 8;
const MAX_GATHERED = 1_000;
/** Of one delivery, so that receivers can read it. */
const MAX_TOGETHER = 50;
const LONGEST_SLEEP_MS = 3_600_000;

export const newSecret = (): string => `tskey-webhook-${randomBytes(24).toString('base64url')}`;
export const sealedAs = (webhookId: number): string => `webhook ${webhookId}`;

export class Dispatcher implements AsyncDisposable {
  readonly #deps: DispatcherDeps;
  readonly #ending = new AbortController();
  readonly #unsubscribe: (() => void)[];
  readonly #underWay = new Map<number, Promise<void>>();
  /** What could not be noted on disk is not sent again before then, or it would be sent all the time. */
  readonly #notBefore = new Map<number, number>();
  /** What each machine was said to be last, and when it began to be something else. */
  readonly #presence = new Map<number, { said: boolean; cancel: (() => void) | undefined }>();
  #gathered: WebhookEvent[] = [];
  #dropped = 0;
  #cancelGather: (() => void) | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
    const { network } = deps;
    for (const { record } of network.nodes())
      this.#presence.set(record.id, { said: false, cancel: undefined });
    this.#unsubscribe = [
      network.subscribeAudit((entries) => this.#onEntries(entries)),
      network.subscribe((changes) => this.#onChanges(changes)),
      watchKeyEnds({ ...deps, tell: (...news) => this.tell(...news) }),
      watchRouteNews({ ...deps, tell: (...news) => this.tell(...news) }),
    ];
    this.#arm();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#cancelGather?.();
    this.#cancelTimer?.();
    for (const { cancel } of this.#presence.values()) cancel?.();
    this.#ending.abort();
    await Promise.all(this.#underWay.values());
  }

  tell(type: EventType, message: string, data: Readonly<Record<string, string>> = {}): void {
    this.#gather(eventOf(type, this.#deps.clock.now(), message, data, this.#deps.place));
  }

  /** Sends one event at once, outside the queue, and says how that went. */
  test(webhook: WebhookRecord): Promise<Outcome> {
    const event = eventOf(
      'test',
      this.#deps.clock.now(),
      'This is a test of the webhook',
      {},
      this.#deps.place,
    );
    return this.#send(webhook, bodyOf(webhook, [event]));
  }

  #onEntries(entries: readonly AuditEntry[]): void {
    const { place, network } = this.#deps;
    for (const entry of entries) {
      const event = eventOfEntry(entry, place);
      if (event === undefined) continue;
      this.#gather(event);
      const type = waiting(network, event.type, Number(entry.target.id));
      if (type !== undefined)
        this.#gather({ ...event, type, message: `${entry.target.name} waits for approval` });
    }
  }

  #onChanges(changes: readonly Change[]): void {
    for (const change of changes)
      if (change.kind === 'node') this.#lookAt(change.id);
      else if (change.kind === 'removed') {
        this.#presence.get(change.id)?.cancel?.();
        this.#presence.delete(change.id);
      }
  }

  /** Said only when it has been so for a while: machines come and go with every network they change. */
  #lookAt(id: number): void {
    const { network, clock } = this.#deps;
    const view = network.node(id);
    if (view === undefined || !this.#isWanted(['nodeOnline', 'nodeOffline'])) return;
    const known = this.#presence.get(id) ?? { said: false, cancel: undefined };
    this.#presence.set(id, known);
    if (view.isOnline === known.said) {
      known.cancel?.();
      known.cancel = undefined;
    } else
      known.cancel ??= clock.after(PRESENCE_MS, () => {
        known.cancel = undefined;
        const now = network.node(id);
        if (now === undefined || now.isOnline === known.said) return;
        known.said = now.isOnline;
        const { givenName } = now.record;
        const [type, what] = known.said
          ? (['nodeOnline', 'online'] as const)
          : (['nodeOffline', 'offline'] as const);
        this.tell(type, `Machine ${givenName} is ${what}`, { nodeID: String(id), nodeName: givenName });
      });
  }

  #isWanted(types: readonly EventType[]): boolean {
    for (const webhook of this.#deps.network.webhooks.values())
      if (webhook.disabledAt === undefined && types.some((type) => webhook.subscriptions.includes(type)))
        return true;
    return false;
  }

  #gather(event: WebhookEvent): void {
    if (!this.#isWanted([event.type])) return;
    if (this.#gathered.length >= MAX_GATHERED) {
      this.#dropped += 1;
      return;
    }
    this.#gathered.push(event);
    this.#cancelGather ??= this.#deps.clock.after(GATHER_MS, () => {
      this.#cancelGather = undefined;
      void this.#queue();
    });
  }

  /** On disk before anything is sent: what was told to nobody is told after a restart. */
  async #queue(): Promise<void> {
    const { network, clock, log } = this.#deps;
    const events = this.#gathered.splice(0);
    if (this.#dropped > 0) log('warn', 'webhook.events-dropped', { events: this.#dropped });
    this.#dropped = 0;
    const writes: Write[] = [];
    for (const webhook of network.webhooks.values()) {
      if (webhook.disabledAt !== undefined) continue;
      const wanted = events.filter((event) => webhook.subscriptions.includes(event.type));
      for (let at = 0; at < wanted.length; at += MAX_TOGETHER)
        writes.push(...this.#newDelivery(webhook, wanted.slice(at, at + MAX_TOGETHER), writes.length / 2));
    }
    if (writes.length === 0) return;
    try {
      await network.save({ writes });
    } catch (error) {
      log('warn', 'webhook.not-queued', { error: toRhumbError(error).message, events: events.length });
    }
    this.#arm(clock.now());
  }

  /** `before` = how many of this save have an id already. */
  #newDelivery(webhook: WebhookRecord, events: readonly WebhookEvent[], before: number): readonly Write[] {
    const { network, clock } = this.#deps;
    const { id } = network.nextId('delivery');
    const now = clock.now();
    const value: DeliveryRecord = {
      id: id + before,
      webhookId: webhook.id,
      events: events.map((event) => event.type),
      body: bodyOf(webhook, events),
      createdAt: now,
      attempts: 0,
      nextAt: now,
      ...{ deliveredAt: undefined, status: undefined, problem: undefined },
    };
    return [
      { put: 'setting', key: 'next-delivery-id', value: String(id + before + 1) },
      { put: 'delivery', value },
    ];
  }

  #arm(now = this.#deps.clock.now()): void {
    if (this.#ending.signal.aborted) return;
    this.#cancelTimer?.();
    let next: number | undefined;
    for (const one of this.#deps.network.deliveries.values()) {
      if (one.nextAt === undefined || this.#underWay.has(one.id)) continue;
      const dueAt = this.#dueAt(one, one.nextAt);
      next = Math.min(next ?? dueAt, dueAt);
    }
    this.#cancelTimer =
      next === undefined
        ? undefined
        : this.#deps.clock.after(Math.min(LONGEST_SLEEP_MS, Math.max(0, next - now)), () => this.#work());
  }

  #work(): void {
    const now = this.#deps.clock.now();
    for (const one of this.#deps.network.deliveries.values()) {
      if (this.#underWay.size >= AT_ONCE) break;
      if (one.nextAt === undefined || this.#underWay.has(one.id)) continue;
      if (this.#dueAt(one, one.nextAt) > now) continue;
      const attempt = this.#attempt(one).finally(() => {
        this.#underWay.delete(one.id);
        this.#arm();
      });
      this.#underWay.set(one.id, attempt);
    }
    if (this.#underWay.size < AT_ONCE) this.#arm();
  }

  #dueAt({ id }: DeliveryRecord, nextAt: number): number {
    return Math.max(nextAt, this.#notBefore.get(id) ?? nextAt);
  }

  async #attempt(delivery: DeliveryRecord): Promise<void> {
    const { network, clock, random, log, meter } = this.#deps;
    const asked = network.webhooks.get(delivery.webhookId);
    if (asked === undefined) return;
    const outcome: Outcome =
      asked.disabledAt === undefined
        ? await this.#send(asked, delivery.body)
        : { status: undefined, problem: 'the webhook is disabled' };
    if (this.#ending.signal.aborted && outcome.problem !== undefined) return;
    meter.count('webhook_deliveries', { result: outcome.problem === undefined ? 'taken' : 'failed' });
    // Removed or changed meanwhile.
    const webhook = network.webhooks.get(delivery.webhookId);
    if (webhook === undefined || network.deliveries.get(delivery.id) === undefined) return;
    const next = afterAttempt(delivery, outcome, clock.now(), random());
    const value = webhook.disabledAt === undefined ? next : { ...next, nextAt: undefined };
    if (value.nextAt === undefined && outcome.problem !== undefined)
      log('warn', 'webhook.given-up', {
        webhook: webhook.id,
        problem: outcome.problem,
        attempts: value.attempts,
      });
    const all = [...network.deliveries.values()]
      .filter((one) => one.webhookId === webhook.id)
      .map((one) => (one.id === value.id ? value : one));
    const writes: Write[] = [
      { put: 'delivery', value },
      ...surplus(all).map(({ id }) => ({ remove: 'delivery', id }) as const),
    ];
    // What failed before somebody switched it on again, or gave it another secret, says nothing about it now.
    const since = all.filter(({ createdAt }) => createdAt >= webhook.updatedAt);
    const disable = webhook.disabledAt === undefined && isHopeless(since);
    if (disable) {
      log('error', 'webhook.disabled', { webhook: webhook.id, problem: outcome.problem });
      writes.push({ put: 'webhook', value: { ...webhook, disabledAt: clock.now(), updatedAt: clock.now() } });
    }
    try {
      await network.save({ writes, audit: disable ? [disabledEntry(webhook, clock.now())] : [] });
      this.#notBefore.delete(value.id);
    } catch (error) {
      this.#notBefore.set(value.id, value.nextAt ?? clock.now() + LONGEST_SLEEP_MS);
      log('warn', 'webhook.not-noted', { error: toRhumbError(error).message });
    }
  }

  async #send(webhook: WebhookRecord, body: string): Promise<Outcome> {
    const { clock, vault } = this.#deps;
    const now = clock.now();
    const sealed = [
      webhook.sealedSecret,
      ...(webhook.previousSecret !== undefined && (webhook.previousUntil ?? 0) > now
        ? [webhook.previousSecret]
        : []),
    ];
    const secrets = sealed
      .map((one) => vault.unseal(sealedAs(webhook.id), one))
      .filter((secret) => secret !== undefined);
    if (secrets.length === 0)
      return { status: undefined, problem: 'its secret can’t be read (another oidc.key?): rotate it' };
    const allowsInside = this.#deps.allowsInside();
    try {
      const url = checkTarget(webhook.url, allowsInside);
      const headers = { [SIGNATURE_HEADER]: signatureOf(secrets, body, now) };
      return await deliver({ url, body, headers, allowsInside }, this.#ending.signal);
    } catch (error) {
      return { status: undefined, problem: toRhumbError(error).message };
    }
  }
}

/** What is new may have to wait for somebody's yes. */
function waiting(network: Network, created: EventType, id: number): EventType | undefined {
  const node = created === 'nodeCreated' ? network.node(id)?.record : undefined;
  if (node !== undefined) return isAdmitted(node) ? undefined : 'nodeNeedsApproval';
  const user = created === 'userCreated' ? network.user(id) : undefined;
  return user === undefined || user.approvedAt !== undefined ? undefined : 'userNeedsApproval';
}

function bodyOf(webhook: WebhookRecord, events: readonly WebhookEvent[]): string {
  const provider = PROVIDERS.find((one) => one === webhook.provider) ?? 'generic';
  return bodyFor(provider, events);
}

const disabledEntry = (webhook: WebhookRecord, at: number): AuditEntry => ({
  at,
  actor: { origin: 'system', id: '', name: 'system' },
  action: 'disable',
  target: { type: 'webhook', id: String(webhook.id), name: new URL(webhook.url).host },
  details: 'it took nothing for too long',
});
