/** What this machine tells of itself. */
import { expect, test } from 'vitest';
import { newPrefs, type Prefs } from '#shared/localapi/prefs.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import { hostinfoOf } from './hostinfo.ts';
import { readOsFacts } from './os-facts.ts';

const tell = (prefs: Partial<Prefs>): Hostinfo =>
  hostinfoOf({
    version: '1.2.3',
    logId: '0'.repeat(64),
    facts: { ...readOsFacts('linux'), hostname: 'here' },
    prefs: { ...newPrefs(), ...prefs },
    userspace: false,
    netInfo: undefined,
    peerApi: [],
  });

test('a new profile offers and asks for nothing', () => {
  const told = tell({});
  expect(told).toMatchObject({ Hostname: 'here', AppConnector: false });
  for (const name of ['RoutableIPs', 'RequestTags', 'ShieldsUp', 'ExitNodeID', 'Services'] as const)
    expect(told[name]).toBeUndefined();
});

test('routes and tags are told in one order, each once, however the user wrote them', () => {
  const AdvertiseRoutes = ['::/0', '192.168.1.0/24', '10.0.0.0/8', '10.0.0.0/16', '0.0.0.0/0', '10.0.0.0/8'];
  expect(tell({ AdvertiseRoutes }).RoutableIPs).toEqual([
    '0.0.0.0/0',
    '10.0.0.0/8',
    '10.0.0.0/16',
    '192.168.1.0/24',
    '::/0',
  ]);
  expect(tell({ AdvertiseTags: ['tag:b', 'tag:a', 'tag:b'] }).RequestTags).toEqual(['tag:a', 'tag:b']);
});

test('the host name of the user goes before that of the system', () => {
  expect(tell({ Hostname: 'mine' }).Hostname).toBe('mine');
});

test('the exit node is told when it is known', () => {
  expect(tell({ ExitNodeID: 'n7' }).ExitNodeID).toBe('n7');
  expect(tell({ ExitNodeID: 'auto:any', AutoExitNode: 'any' }).ExitNodeID).toBeUndefined();
  expect(tell({ ExitNodeIP: '100.64.0.9' }).ExitNodeID).toBeUndefined();
});
