/** From what peers and servers say of a device to what people see. */
import { expect, test } from 'vitest';
import { NO_PEER, type PeerStatus } from '../localapi/status.ts';
import { deviceOf } from './device.ts';

const SUFFIX = 'net.example';
const of = (change: Partial<PeerStatus>) => deviceOf({ ...NO_PEER, ID: 'n1', ...change }, '7', SUFFIX);

test('the name is the first label in this network, and the whole name from another', () => {
  expect(of({ DNSName: 'nas.net.example.', HostName: 'NAS' })).toMatchObject({
    name: 'nas',
    dnsName: 'nas.net.example',
  });
  expect(of({ DNSName: 'nas.other.example.' })).toMatchObject({ name: 'nas.other.example', isShared: true });
  expect(of({ DNSName: '', HostName: 'NAS' }).name).toBe('NAS');
  expect(of({ TailscaleIPs: ['100.64.0.2'] }).name).toBe('100.64.0.2');
});

test('a device that has no name to be seen is called by its address, else by its id', () => {
  expect(of({ HostName: '\u202e\u200b ', TailscaleIPs: ['100.64.0.2'] }).name).toBe('100.64.0.2');
  expect(of({ HostName: '\u0000' }).name).toBe('n1');
  expect(of({}).name).toBe('n1');
});

test.each(['\u202eevil', '<img src=x>', '__proto__', '…'])('a hostile name %j stays text', (HostName) => {
  const device = of({ HostName });
  expect(device.name).toBe(HostName);
  expect(JSON.parse(JSON.stringify(device))).toMatchObject({ name: HostName });
});

test('what is no address is none, and IPv4 comes first', () => {
  expect(of({ TailscaleIPs: ['fd7a:115c:a1e0::2', 'nonsense', '100.64.0.2'] }).addresses).toEqual([
    '100.64.0.2',
    'fd7a:115c:a1e0::2',
  ]);
});

test('routes are what it carries beyond itself, without the way to the internet', () => {
  expect(
    of({
      TailscaleIPs: ['100.64.0.2', 'fd7a:115c:a1e0::2'],
      AllowedIPs: ['100.64.0.2/32', 'fd7a:115c:a1e0::2/128', '10.0.0.0/8', '0.0.0.0/0', '::/0'],
      PrimaryRoutes: ['10.0.0.0/8', '192.168.0.0/24'],
    }).routes,
  ).toEqual(['10.0.0.0/8', '192.168.0.0/24']);
});

test('it is mine when the user is and it has no tags', () => {
  expect(of({ UserID: 7 }).isMine).toBe(true);
  expect(of({ UserID: 7, Tags: ['tag:server'] }).isMine).toBe(false);
  expect(of({ UserID: 8 }).isMine).toBe(false);
});

test('the path is what rhumbd says', () => {
  const told = { Kind: 'relay', Addr: '', Relay: 'fra', Since: 5, LatencySeconds: 0.02, Why: 'no UDP' };
  expect(of({ RhumbPath: told, Active: true }).path).toEqual({
    kind: 'relay',
    via: 'fra',
    latencyMs: 20,
    sinceMs: 5,
    why: 'no UDP',
  });
  expect(of({ RhumbPath: { ...told, Kind: 'none', LatencySeconds: 0 }, Active: false }).path).toMatchObject({
    kind: 'idle',
    latencyMs: undefined,
  });
});

test.each([
  [{ Active: false, Online: true }, 'idle', ''],
  [{ Active: false, Online: false }, 'none', ''],
  [{ Active: true, CurAddr: '192.0.2.1:1', Relay: 'fra' }, 'direct', '192.0.2.1:1'],
  [{ Active: true, PeerRelay: '192.0.2.1:1:vni:7', Relay: 'fra' }, 'peer-relay', '192.0.2.1:1:vni:7'],
  [{ Active: true, Relay: 'fra' }, 'relay', 'fra'],
  [{ Active: true }, 'none', ''],
] as const)('other daemons say enough to tell: %j', (peer, kind, via) => {
  expect(of(peer).path).toMatchObject({ kind, via });
});

test('what is too long to be read is cut, and never within a character', () => {
  const long = of({ HostName: 'a'.repeat(1_024), OS: '😀'.repeat(1_024), Tags: Array(2_000).fill('tag:x') });
  expect(long.name).toBe(`${'a'.repeat(255)}…`);
  expect(long.os).toBe(`${'😀'.repeat(127)}…`);
  expect(long.tags).toHaveLength(512);
});
