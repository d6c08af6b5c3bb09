/** Each state that people are shown, and which one wins where two would fit. */
import { describe, expect, test } from 'vitest';
import { deriveUi, exitNodeOf, LOST_GRACE_MS, UI_STATES, type UiState } from './derive.ts';
import { NO_DEVICE, NO_SETTINGS, NO_SNAPSHOT } from './empty.ts';
import type { Snapshot, Warning } from './types.ts';

const NOW = 1_700_000_000_000;
const READY: Snapshot = { ...NO_SNAPSHOT, link: { kind: 'ready', rights: 'manage' } };
const RUNNING: Snapshot = { ...READY, state: 'Running', settings: NO_SETTINGS };
const EXIT = { ...NO_DEVICE, id: 'exit', addresses: ['100.64.0.9'], isExitOption: true, isOnline: true };
const using = (change: Partial<typeof EXIT> = {}): Snapshot => ({
  ...RUNNING,
  settings: { ...NO_SETTINGS, exitNodeId: 'exit' },
  devices: { exit: { ...EXIT, ...change } },
});
const WARNING: Warning = {
  code: 'no-derp-home',
  severity: 'medium',
  title: 't',
  text: 'x',
  brokenSinceMs: undefined,
  impactsConnectivity: true,
  dependsOn: [],
  action: undefined,
  etag: '',
};

const TABLE: readonly (readonly [UiState, Snapshot])[] = [
  ['loading', NO_SNAPSHOT],
  ['loading', { ...READY, state: 'NoState' }],
  ['no-daemon', { ...NO_SNAPSHOT, link: { kind: 'absent', why: 'not-installed' } }],
  ['daemon-stopped', { ...RUNNING, link: { kind: 'absent', why: 'stopped' } }],
  ['untrusted-daemon', { ...RUNNING, link: { kind: 'refused', reason: 'owned by user 1000' } }],
  ['version-mismatch', { ...RUNNING, link: { kind: 'mismatch', daemonVersion: '9.0.0' } }],
  ['reconnecting', { ...RUNNING, link: { kind: 'lost', sinceMs: NOW - LOST_GRACE_MS + 1 } }],
  ['daemon-stopped', { ...RUNNING, link: { kind: 'lost', sinceMs: NOW - LOST_GRACE_MS } }],
  ['other-user', { ...READY, state: 'InUseOtherUser' }],
  ['expired', { ...READY, state: 'NeedsLogin', self: { ...NO_DEVICE, isExpired: true } }],
  [
    'expired',
    { ...READY, state: 'NeedsLogin', authUrl: 'https://x', self: { ...NO_DEVICE, keyExpiryMs: NOW } },
  ],
  ['waiting-browser', { ...READY, state: 'NeedsLogin', authUrl: 'https://x' }],
  ['signed-out', { ...READY, state: 'NeedsLogin', self: { ...NO_DEVICE, keyExpiryMs: NOW + 1 } }],
  ['waiting-approval', { ...READY, state: 'NeedsMachineAuth' }],
  ['off', { ...READY, state: 'Stopped', warnings: [WARNING] }],
  ['connecting', { ...READY, state: 'Starting' }],
  ['exit-broken', { ...using({ isOnline: false }), warnings: [WARNING] }],
  ['degraded', { ...using(), warnings: [WARNING] }],
  ['on-exit', { ...using(), warnings: [{ ...WARNING, impactsConnectivity: false }] }],
  ['on', RUNNING],
];

test.each(TABLE)('%s', (state, snapshot) => {
  expect(deriveUi(snapshot, NOW)).toBe(state);
});

test('every state can be reached', () => {
  expect(new Set(TABLE.map(([state]) => state))).toEqual(new Set(UI_STATES));
  expect(UI_STATES).toHaveLength(17);
});

describe('the exit node', () => {
  const withSettings = (change: object, devices: Snapshot['devices'] = { exit: EXIT }) =>
    exitNodeOf({ settings: { ...NO_SETTINGS, ...change }, devices, self: undefined });

  test('is none without one in the settings, and while these are not known', () => {
    expect(withSettings({}).kind).toBe('none');
    expect(exitNodeOf({ settings: undefined, devices: {}, self: undefined }).kind).toBe('none');
  });

  test('is found by its id or its address', () => {
    expect(withSettings({ exitNodeId: 'exit' })).toEqual({ kind: 'used', device: EXIT });
    expect(withSettings({ exitNodeIp: '100.64.0.9' })).toEqual({ kind: 'used', device: EXIT });
  });

  test('is broken when it is offline, expired, gone, no exit node any more, or not found yet', () => {
    const why = (change: object, devices?: Snapshot['devices']) => {
      const exit = withSettings(change, devices);
      return exit.kind === 'broken' ? exit.why : exit.kind;
    };
    expect(why({ exitNodeId: 'exit' }, { exit: { ...EXIT, isOnline: false } })).toBe('offline');
    expect(why({ exitNodeId: 'exit' }, { exit: { ...EXIT, isExpired: true } })).toBe('expired');
    expect(why({ exitNodeId: 'exit' }, { exit: { ...EXIT, isExitOption: false } })).toBe('gone');
    expect(why({ exitNodeId: 'exit' }, {})).toBe('gone');
    expect(why({ exitNodeId: 'auto:any', autoExitNode: 'any' })).toBe('unresolved');
    expect(why({ exitNodeIp: '100.64.0.77' })).toBe('unresolved');
  });

  test('is never taken from what every object has', () => {
    for (const exitNodeId of ['__proto__', 'constructor', 'toString'])
      expect(withSettings({ exitNodeId })).toMatchObject({ kind: 'broken', why: 'gone' });
  });
});
