/** Webhooks end to end on loopback: what is sent, how it is signed, when it is tried again, and where it never goes. */
import { createHmac } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { nodeChange, What } from '../state/changes.ts';
import { noMeter } from '../state/meter.ts';
import { Network } from '../state/network.ts';
import type { AuditEntry, DeliveryRecord, WebhookRecord } from '../store/records.ts';
import { sampleEntry, sampleNode, sampleRecords, sampleUser } from '../store/sample-records.ts';
import { openMemoryStore } from '../store/sqlite.ts';
import { Dispatcher, type Vault } from './dispatcher.ts';
import { eventOfEntry } from './events.ts';
import { addWebhook, changeWebhook, removeWebhook, rotateSecret } from './keep.ts';
import { afterAttempt, isHopeless, KEPT, surplus, TRY_FOR_MS } from './plan.ts';
import { bodyFor } from './provider.ts';
import { signatureOf } from './signature.ts';
import { checkTarget, isOutside, outsideOnly } from './target.ts';

const BY = { origin: 'cli', id: '', name: 'cli' } as const;
const PLACE = { tailnet: 'lab.test', serverUrl: 'https://vpn.example.com' };
const vault: Vault = {
  seal: (about, plain) => new Uint8Array(Buffer.from(`${about}|${plain}`)),
  unseal: (about, sealed) => {
    const text = Buffer.from(sealed).toString();
    return text.startsWith(`${about}|`) ? text.slice(about.length + 1) : undefined;
  },
};

interface Received {
  readonly signature: string;
  readonly body: string;
}

interface Lab extends AsyncDisposable {
  readonly network: Network;
  readonly clock: FakeClock;
  readonly dispatcher: Dispatcher;
  readonly received: Received[];
  readonly hook: { record: WebhookRecord; secret: string };
  answer: number;
  /** Until so many requests came. */
  arrived(count: number): Promise<void>;
  happens(entry?: Partial<AuditEntry>): Promise<void>;
}

async function lab(
  subscriptions: readonly string[] = ['userCreated', 'nodeOnline', 'nodeOffline'],
): Promise<Lab> {
  const stack = new AsyncDisposableStack();
  const clock = new FakeClock({ wallMs: 1_000_000_000_000 });
  const network = await Network.open({
    store: await openMemoryStore(0),
    clock,
    log: silent,
    defer: setImmediate,
  });
  stack.use(network);
  await network.save({ writes: [{ put: 'user', value: sampleUser }] });
  const received: Received[] = [];
  let wake = (): void => undefined;
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const signature = String(request.headers['tailscale-webhook-signature']);
      received.push({ signature, body: Buffer.concat(parts).toString() });
      response.writeHead(it.answer).end('thanks');
      wake();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stack.defer(() => void server.close());
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`);
  const dispatcher = stack.use(
    new Dispatcher({
      ...{ network, clock, random: () => 0.5, log: silent, meter: noMeter, vault, place: PLACE },
      allowsInside: () => true,
    }),
  );
  const made = { url, provider: 'generic', subscriptions } as const;
  const hook = await addWebhook(network, vault, made, clock.now(), BY);
  const it: Lab = {
    ...{ network, clock, dispatcher, received, hook, answer: 200 },
    arrived: async (count) => {
      while (received.length < count)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      // What follows from the answer is on disk when nothing is under way any more.
      const isNoted = (): boolean => [...network.deliveries.values()].every((one) => one.attempts > 0);
      for (let n = 0; n < 1_000 && !isNoted(); n++) await new Promise(setImmediate);
      for (let n = 0; n < 20; n++) await new Promise(setImmediate);
    },
    happens: async (entry = {}) => {
      await network.save({ writes: [], audit: [sampleEntry(clock.now(), entry)] });
      await clock.advance(1_000);
      for (let n = 0; n < 10; n++) await new Promise(setImmediate);
      await clock.advance(1);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
  return it;
}

test('an address that is a secret itself is not written to the audit log', async () => {
  await using here = await lab();
  const { network, clock } = here;
  const audit: AuditEntry[] = [];
  network.subscribeAudit((entries) => audit.push(...entries));
  const url = new URL('https://hooks.chat.example/services/T0/SECRET');
  const given = { url, provider: 'slack', subscriptions: ['userCreated'] } as const;
  const { record } = await addWebhook(network, vault, given, clock.now(), BY);
  await changeWebhook(network, record, { isEnabled: false }, clock.now(), BY);
  await rotateSecret(network, vault, record, clock.now(), BY);
  await removeWebhook(network, record, clock.now(), BY);
  expect(audit).toHaveLength(4);
  expect(JSON.stringify(audit)).not.toContain('SECRET');
});

test('nor when nobody was there for too long', async () => {
  await using it = await lab();
  const { network, clock, hook } = it;
  const audit: AuditEntry[] = [];
  network.subscribeAudit((entries) => audit.push(...entries));
  const until = clock.now() + TRY_FOR_MS;
  const old = (id: number, nextAt: number | undefined): DeliveryRecord => ({
    ...{ id, webhookId: hook.record.id, events: ['userCreated'], body: '[]', createdAt: clock.now() },
    ...{ attempts: 20, nextAt, deliveredAt: undefined, status: 500, problem: 'it answered 500' },
  });
  const values = Array.from({ length: 10 }, (_, n) => old(1_000 + n, n === 9 ? until : undefined));
  await network.save({ writes: values.map((value) => ({ put: 'delivery', value })) });
  it.answer = 500;
  await clock.advance(TRY_FOR_MS);
  await it.happens();
  await it.arrived(2);
  const [disabled] = audit.filter(({ action }) => action === 'disable');
  expect(disabled?.target.name).toBe(new URL(hook.record.url).host);
});

describe('a delivery', () => {
  test('carries the event, with a signature that its receiver can check', async () => {
    await using it = await lab();
    await it.happens();
    await it.arrived(1);
    const [got] = it.received;
    const [, time, proof] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(got?.signature ?? '') ?? [];
    expect(createHmac('sha256', it.hook.secret).update(`${time}.${got?.body}`).digest('hex')).toBe(proof);
    expect(JSON.parse(got?.body ?? '')).toEqual([
      {
        timestamp: expect.stringMatching(/^2001-/),
        version: 1,
        type: 'userCreated',
        tailnet: 'lab.test',
        message: 'User alice was added',
        data: { actor: 'cli', userID: '1', userName: 'alice', url: 'https://vpn.example.com' },
      },
    ]);
    expect([...it.network.deliveries.values()]).toMatchObject([
      { attempts: 1, status: 200, nextAt: undefined, problem: undefined },
    ]);
  });

  test('that is refused is tried again, later and later, until it is taken', async () => {
    await using it = await lab();
    it.answer = 503;
    await it.happens();
    await it.arrived(1);
    expect([...it.network.deliveries.values()]).toMatchObject([{ attempts: 1, problem: 'it answered 503' }]);
    it.answer = 204;
    await it.clock.advance(10_001);
    await it.arrived(2);
    expect([...it.network.deliveries.values()]).toMatchObject([
      { attempts: 2, status: 204, nextAt: undefined },
    ]);
    expect(it.received[0]?.body).toBe(it.received[1]?.body);
  });

  test('that can’t be noted for a full disk is not sent over and over', async () => {
    await using it = await lab();
    it.answer = 503;
    await it.happens();
    await it.arrived(1);
    const { store } = it.network;
    const commit = store.commit.bind(store);
    store.commit = () => Promise.reject(new Error('disk full'));
    await it.clock.advance(10_001);
    await it.arrived(2);
    for (let n = 0; n < 20; n++) {
      await it.clock.advance(5);
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    }
    expect(it.received).toHaveLength(2);
    store.commit = commit;
    it.answer = 200;
    await it.clock.advance(20_000);
    await it.arrived(3);
    expect([...it.network.deliveries.values()]).toMatchObject([{ status: 200, nextAt: undefined }]);
  });

  test('that fails once does not end a webhook that was switched on again', async () => {
    await using it = await lab();
    const createdAt = it.clock.now();
    const given = { events: [], body: '[]', createdAt, attempts: 30, nextAt: undefined };
    const over = { ...given, webhookId: it.hook.record.id, status: 500, problem: 'it answered 500' };
    await it.network.save({
      writes: Array.from({ length: 10 }, (_, at) => ({
        put: 'delivery',
        value: { ...over, id: 100 + at, deliveredAt: undefined },
      })),
    });
    await it.clock.advance(60_000);
    const off = await changeWebhook(it.network, it.hook.record, { isEnabled: false }, it.clock.now(), BY);
    await it.clock.advance(60_000);
    await changeWebhook(it.network, off, { isEnabled: true }, it.clock.now(), BY);
    it.answer = 503;
    await it.happens();
    await it.arrived(1);
    expect(it.network.webhooks.get(it.hook.record.id)?.disabledAt).toBeUndefined();
  });

  test('is not made for what nobody asked for, nor for a webhook that is switched off', async () => {
    await using it = await lab(['policyUpdate']);
    await it.happens();
    expect(it.network.deliveries.size).toBe(0);
    await changeWebhook(
      it.network,
      it.hook.record,
      { subscriptions: ['userCreated'], isEnabled: false },
      0,
      BY,
    );
    await it.happens();
    expect(it.network.deliveries.size).toBe(0);
  });

  test('is signed with both secrets for a while after a new one was made', async () => {
    await using it = await lab();
    const { record, secret } = await rotateSecret(it.network, vault, it.hook.record, it.clock.now(), BY);
    expect((await it.dispatcher.test(record)).problem).toBeUndefined();
    const body = it.received[0]?.body ?? '';
    expect(it.received[0]?.signature).toBe(signatureOf([secret, it.hook.secret], body, it.clock.now()));
    await it.clock.advance(25 * 3_600_000);
    await it.dispatcher.test(record);
    expect(it.received[1]?.signature.match(/v1=/g)).toHaveLength(1);
  });
});

test('a machine is said to be online or offline only when that lasts', async () => {
  await using it = await lab();
  await it.network.save({
    writes: [{ put: 'node', value: sampleNode(1) }],
    changes: [nodeChange(1, What.Whole)],
  });
  it.network.setLive(1, { isOnline: true });
  await it.clock.advance(30_000);
  it.network.setLive(1, { isOnline: false });
  await it.clock.advance(120_000);
  expect(it.network.deliveries.size).toBe(0);
  it.network.setLive(1, { isOnline: true });
  await it.clock.advance(61_000);
  await it.clock.advance(1_001);
  await it.clock.advance(1);
  await it.arrived(1);
  expect(it.received[0]?.body).toContain('Machine host-1 is online');
});

test('a webhook goes with its deliveries', async () => {
  await using it = await lab();
  it.answer = 500;
  await it.happens();
  await it.arrived(1);
  await removeWebhook(it.network, it.hook.record, 0, BY);
  expect([it.network.webhooks.size, it.network.deliveries.size]).toEqual([0, 0]);
});

describe('giving up', () => {
  const delivery: DeliveryRecord = {
    ...sampleRecords.delivery,
    createdAt: 0,
    attempts: 0,
    deliveredAt: undefined,
  };
  const refused = { status: 500, problem: 'it answered 500' };

  test('comes after a day of trying', () => {
    let now = 0;
    let one = delivery;
    for (let n = 0; n < 100 && (n === 0 || one.nextAt !== undefined); n++) {
      one = afterAttempt(one, refused, now, 0.5);
      now = one.nextAt ?? now;
    }
    expect(one.nextAt).toBeUndefined();
    expect(now).toBeGreaterThan(TRY_FOR_MS - 2 * 3_600_000);
    expect(one.attempts).toBeLessThan(50);
  });

  test('of the webhook comes when ten in a row were given up', () => {
    const over = { ...delivery, nextAt: undefined };
    const many = (count: number): DeliveryRecord[] => Array.from({ length: count }, () => over);
    expect(isHopeless(many(9))).toBe(false);
    expect(isHopeless(many(10))).toBe(true);
    expect(isHopeless([...many(9), { ...over, deliveredAt: 1 }])).toBe(false);
  });

  test('old ones are not kept, those that wait are', () => {
    const over = Array.from({ length: KEPT }, (_, id) => ({ ...delivery, id, nextAt: undefined }));
    const waits = { ...delivery, id: 999, nextAt: 5 };
    expect(surplus([waits, ...over, waits]).map(({ id }) => id)).toEqual([0, 1]);
  });
});

describe('a target', () => {
  test.each([
    '127.0.0.1',
    '10.1.2.3',
    '100.100.1.1',
    '169.254.169.254',
    '192.168.1.1',
    '::1',
    '::ffff:127.0.0.1',
    'fd00:ec2::254',
    'fe80::1%eth0',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'nonsense',
  ])('%s is inside', (address) => expect(isOutside(address)).toBe(false));
  test.each(['192.0.2.1', '2001:db8::1', '8.8.8.8'])('%s is outside', (address) =>
    expect(isOutside(address)).toBe(true),
  );

  test.each([
    ['http://example.com/', /https/],
    ['ftp://example.com/', /not an address/],
    ['https://user@example.com/', /not an address/],
    ['https://127.0.0.1/', /inside this network/],
    ['https://[::1]/', /inside this network/],
    ['https://2130706433/', /inside this network/],
    ['x', /not an address/],
  ])('%s is refused', (url, why) => expect(() => checkTarget(url, false)).toThrow(why));

  test('is judged by what its name leads to when the connection is made', async () => {
    const error = await new Promise<unknown>((resolve) => outsideOnly('localhost', {}, resolve));
    expect(error).toMatchObject({ code: 'not-allowed' });
  });
});

test('chats get text in which no name calls everybody', () => {
  const entry = sampleEntry(0, { target: { type: 'user', id: '1', name: '@everyone <!channel>' } });
  const event = eventOfEntry(entry, PLACE);
  if (event === undefined) throw new Error('no event');
  for (const provider of ['slack', 'discord', 'teams', 'googlechat', 'mattermost'] as const) {
    const body = bodyFor(provider, [event]);
    expect(body).not.toMatch(/@|<|>/);
    expect(body).toContain('was added');
  }
});
