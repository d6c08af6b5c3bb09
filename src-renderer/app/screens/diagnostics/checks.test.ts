/** What the overview says of a device in different trouble. */
import { describe, expect, test } from 'vitest';
import type { NetcheckReport } from '#shared/bridge/contract.ts';
import { NO_DEVICE, NO_SETTINGS, NO_SNAPSHOT } from '#shared/ui-state/empty.ts';
import type { Snapshot, Warning } from '#shared/ui-state/types.ts';
import { checksOf, type Known } from './checks.ts';

const NOW = Date.parse('2026-06-01T12:00:00Z');
const DAY = 86_400_000;
const good: NetcheckReport = {
  atMs: NOW,
  udp: true,
  ipv4: '192.0.2.1:4000',
  ipv6: '[2001:db8::1]:4000',
  mappingVaries: false,
  portMapping: ['UPnP'],
  captivePortal: false,
  preferred: 1,
  regions: [{ id: 1, code: 'fra', name: 'Frankfurt', v4Ms: 8, v6Ms: 9 }],
};
const running: Snapshot = {
  ...NO_SNAPSHOT,
  link: { kind: 'ready', rights: 'manage' },
  state: 'Running',
  daemon: { ...NO_SNAPSHOT.daemon, hasTun: true, platform: 'linux' },
  settings: NO_SETTINGS,
  self: { ...NO_DEVICE, id: 'me', keyExpiryMs: NOW + 90 * DAY },
};
const warning = (code: string): Warning => ({
  code,
  severity: 'medium',
  title: 'Broken',
  text: '',
  brokenSinceMs: undefined,
  impactsConnectivity: false,
  dependsOn: [],
  action: undefined,
  etag: '',
});
const known = (snapshot: Partial<Snapshot> = {}, netcheck: Partial<NetcheckReport> = {}): Known => ({
  snapshot: { ...running, ...snapshot },
  netcheck: { ...good, ...netcheck },
  appVersion: '1.0',
  nowMs: NOW,
});
const level = (id: string, of: Known): string | undefined => checksOf(of).find((one) => one.id === id)?.level;

test('a healthy device passes everything', () =>
  expect(checksOf(known()).filter(({ level: is }) => is !== 'pass')).toEqual([]));

describe('trouble is named', () => {
  test.each([
    { name: 'no UDP', id: 'udp', of: known({}, { udp: false }), want: 'fail' },
    { name: 'no UDP is a blocked NAT', id: 'nat', of: known({}, { udp: false }), want: 'fail' },
    { name: 'a hard NAT', id: 'nat', of: known({}, { mappingVaries: true }), want: 'warn' },
    { name: 'an unknown NAT', id: 'nat', of: known({}, { mappingVaries: null }), want: 'unknown' },
    { name: 'no relay', id: 'relay', of: known({}, { preferred: 0 }), want: 'fail' },
    { name: 'no IPv6', id: 'ipv6', of: known({}, { ipv6: '' }), want: 'warn' },
    { name: 'a captive portal', id: 'captive', of: known({}, { captivePortal: true }), want: 'fail' },
    {
      name: 'a silent server',
      id: 'control',
      of: known({ warnings: [warning('not-in-map-poll')] }),
      want: 'fail',
    },
    {
      name: 'an old list of devices',
      id: 'map',
      of: known({ warnings: [{ ...warning('mapresponse-timeout'), brokenSinceMs: NOW - DAY }] }),
      want: 'warn',
    },
    { name: 'a wrong clock', id: 'clock', of: known({ warnings: [warning('clock-skew')] }), want: 'fail' },
    {
      name: 'a firewall that could not be set',
      id: 'firewall',
      of: known({ warnings: [warning('firewall-failed')] }),
      want: 'fail',
    },
    {
      name: 'rules of one’s own',
      id: 'firewall',
      of: known({ settings: { ...NO_SETTINGS, netfilterMode: 0 } }),
      want: 'warn',
    },
    { name: 'no tunnel', id: 'device', of: known({ daemon: NO_SNAPSHOT.daemon }), want: 'warn' },
    { name: 'switched off', id: 'login', of: known({ state: 'Stopped' }), want: 'warn' },
    { name: 'signed out', id: 'login', of: known({ state: 'NeedsLogin' }), want: 'fail' },
    {
      name: 'a key in its last day',
      id: 'key',
      of: known({ self: { ...NO_DEVICE, keyExpiryMs: NOW + DAY / 2 } }),
      want: 'warn',
    },
    {
      name: 'an expired key',
      id: 'key',
      of: known({ self: { ...NO_DEVICE, keyExpiryMs: NOW - 1 } }),
      want: 'fail',
    },
    { name: 'a warning', id: 'health', of: known({ warnings: [warning('x')] }), want: 'warn' },
    {
      name: 'DNS off',
      id: 'dns',
      of: known({ settings: { ...NO_SETTINGS, acceptDns: false } }),
      want: 'warn',
    },
  ])('$name', ({ id, of, want }) => expect(level(id, of)).toBe(want));
});

test('failures come first', () => {
  const levels = checksOf(known({ state: 'Stopped' }, { udp: false, mappingVaries: null })).map(
    (one) => one.level,
  );
  expect(levels).toEqual([...levels].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b)));
});
const ORDER = ['fail', 'warn', 'unknown', 'pass'];

test('without a service there is only that to say', () =>
  expect(checksOf(known({ link: { kind: 'absent', why: 'stopped' } })).map(({ id }) => id)).toEqual([
    'service',
  ]));
