/** What systemd-resolved is told, call by call; its answers are as org.freedesktop.resolve1(5) has them. The real one: lab, `dns-system`. */
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { DBusConnection } from '../../dbus/connection.ts';
import { type Answer, type FakeBus, openFakeBus } from '../../dbus/fake-bus.ts';
import type { Message } from '../../dbus/message.ts';
import { variant } from '../../dbus/values.ts';
import { ResolvedDns } from './resolved.ts';

const LINK = 7;
const DONE: Answer = { signature: '', body: [] };
const OURS = { nameservers: ['100.100.100.100', 'fd7a:115c:a1e0::53'], searchDomains: ['net.example'] };

interface Rig extends AsyncDisposable {
  readonly bus: FakeBus;
  readonly resolved: ResolvedDns;
  readonly stale: string[];
  /** Members and bodies, without the link. */
  said(): readonly (readonly [string | undefined, ...unknown[]])[];
}

async function rig(answer: (call: Message) => Answer | undefined = () => undefined): Promise<Rig> {
  const bus = await openFakeBus((call) => answer(call) ?? DONE);
  const open = (signal: AbortSignal): Promise<DBusConnection> =>
    DBusConnection.open({ addresses: bus.address }, signal);
  const stale: string[] = [];
  const resolved = await ResolvedDns.start({
    bus: await open(AbortSignal.timeout(5_000)),
    openBus: open,
    link: () => LINK,
    events: { stale: (why) => void stale.push(why), overwritten: () => undefined },
    clock: systemClock(),
    log: silent,
  });
  return {
    bus,
    resolved,
    stale,
    said: () => bus.calls.map(({ member, body }) => [member, ...body.slice(1)] as const),
    [Symbol.asyncDispose]: async () => {
      await resolved[Symbol.asyncDispose]();
      await bus[Symbol.asyncDispose]();
    },
  };
}

const servers = [
  [2, Uint8Array.of(100, 100, 100, 100)],
  [10, Uint8Array.of(0xfd, 0x7a, 0x11, 0x5c, 0xa1, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53)],
];
const QUIET = ['SetLinkLLMNR', 'SetLinkMulticastDNS', 'SetLinkDNSSEC', 'SetLinkDNSOverTLS'].map((name) => [
  name,
  'no',
]);

test('sets one link for some domains', async () => {
  await using r = await rig();
  await r.resolved.set({ ...OURS, matchDomains: ['net.example', 'corp.example'] });
  expect(r.bus.calls.every(({ body: [link], member }) => link === LINK || member === 'FlushCaches')).toBe(
    true,
  );
  expect(r.said()).toEqual([
    ['SetLinkDNS', servers],
    // A search domain routes by itself.
    [
      'SetLinkDomains',
      [
        ['net.example', false],
        ['corp.example', true],
      ],
    ],
    ['SetLinkDefaultRoute', false],
    ...QUIET,
    ['FlushCaches'],
  ]);
});

test('takes everything without domains to split by', async () => {
  await using r = await rig();
  await r.resolved.set({ ...OURS, matchDomains: [] });
  expect(r.said().slice(1, 3)).toEqual([
    [
      'SetLinkDomains',
      [
        ['net.example', false],
        ['.', true],
      ],
    ],
    ['SetLinkDefaultRoute', true],
  ]);
});

test('takes nothing when there are only search domains', async () => {
  await using r = await rig();
  await r.resolved.set({ nameservers: [], searchDomains: ['net.example'], matchDomains: [] });
  expect(r.said().slice(0, 3)).toEqual([
    ['SetLinkDNS', []],
    ['SetLinkDomains', [['net.example', false]]],
    ['SetLinkDefaultRoute', false],
  ]);
});

test('leaves out names of addresses for one that takes no long lists', async () => {
  const lists: unknown[] = [];
  await using r = await rig(({ member, body }) => {
    if (member !== 'SetLinkDomains') return undefined;
    lists.push(body[1]);
    return lists.length === 1
      ? { error: 'org.freedesktop.DBus.Error.System.E2BIG', text: 'Argument list too long' }
      : undefined;
  });
  await r.resolved.set({ ...OURS, searchDomains: [], matchDomains: ['64.100.in-addr.arpa', 'net.example'] });
  expect(lists[1]).toEqual([['net.example', true]]);
});

test('does without what old ones lack', async () => {
  await using r = await rig(({ member }) =>
    /DefaultRoute|OverTLS|FlushCaches/.test(member ?? '')
      ? { error: 'org.freedesktop.DBus.Error.UnknownMethod', text: 'Unknown method' }
      : undefined,
  );
  await r.resolved.set({ ...OURS, matchDomains: [] });
});

test('waits for it to hear of a new interface', async () => {
  let times = 0;
  await using r = await rig(({ member }) => {
    if (member !== 'SetLinkDNS') return undefined;
    times++;
    return times < 3 ? { error: 'org.freedesktop.resolve1.NoSuchLink', text: 'Link 7 not known' } : undefined;
  });
  await r.resolved.set({ ...OURS, matchDomains: [] });
  expect(times).toBe(3);
});

test('leaves nothing half done when it refuses', async () => {
  await using r = await rig(({ member }) =>
    member === 'SetLinkDomains'
      ? { error: 'org.freedesktop.DBus.Error.InvalidArgs', text: 'Invalid domain' }
      : undefined,
  );
  await expect(r.resolved.set({ ...OURS, matchDomains: [] })).rejects.toThrow(
    'SetLinkDomains: Invalid domain',
  );
  expect(r.said().map(([member]) => member)).toEqual([
    'SetLinkDNS',
    'SetLinkDomains',
    'RevertLink',
    'FlushCaches',
  ]);
});

test('gives up on one that does not answer', async () => {
  await using r = await rig(() => 'silence');
  await expect(r.resolved.set({ ...OURS, matchDomains: [] })).rejects.toThrow(
    'org.freedesktop.resolve1 does not answer SetLinkDNS',
  );
});

test('reverts its link, if there is one', async () => {
  await using r = await rig();
  expect(await r.resolved.restore()).toBe(true);
  expect(r.said()).toEqual([['RevertLink'], ['FlushCaches']]);
  await using gone = await rig(({ member }) =>
    member === 'RevertLink' ? { error: 'org.freedesktop.resolve1.NoSuchLink', text: 'x' } : undefined,
  );
  expect(await gone.resolved.restore()).toBe(false);
});

test('knows the servers of all links but ours, or those that it was built with', async () => {
  const entry = (link: number, ip: readonly number[]): [number, number, Uint8Array] => [
    link,
    2,
    Uint8Array.from(ip),
  ];
  let current = [entry(LINK, [9, 9, 9, 9]), entry(2, [192, 0, 2, 53]), entry(0, [100, 100, 100, 100])];
  await using r = await rig(({ member, body }) => {
    if (member !== 'Get') return undefined;
    const list = body[1] === 'DNS' ? current : [entry(0, [192, 0, 2, 99])];
    return { signature: 'v', body: [variant('a(iiay)', list)] };
  });
  expect(await r.resolved.baseNameservers()).toEqual(['192.0.2.53']);
  current = [entry(LINK, [9, 9, 9, 9])];
  expect(await r.resolved.baseNameservers()).toEqual(['192.0.2.99']);
  expect(await r.resolved.base()).toBe('unsupported');
});

test('says that all is forgotten when it starts anew, not when it ends', async () => {
  await using r = await rig();
  r.bus.signal('NameOwnerChanged', 'sss', ['org.freedesktop.resolve1', ':1.1', '']);
  r.bus.signal('NameOwnerChanged', 'sss', ['org.freedesktop.resolve1', '', ':1.2']);
  await r.resolved.restore();
  expect(r.stale).toEqual(['systemd-resolved has started anew']);
});
