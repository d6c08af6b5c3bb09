/** The desk with daemons that are absent, refuse, restart, hang, talk out of order or have thousands of peers. */
import { afterEach, expect, test } from 'vitest';
import { RhumbError } from '../errors.ts';
import { State } from '../localapi/status.ts';
import { silent } from '../log/log.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { deriveUi } from '../ui-state/derive.ts';
import { applyPatch } from '../ui-state/patch.ts';
import type { Link, Patch, Rights } from '../ui-state/types.ts';
import { Desk, type DeskOptions } from './desk.ts';
import { FakeApi, peerOf, statusOf } from './testing/fake-api.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const item of open.splice(0)) await item[Symbol.asyncDispose]();
});

function setUp(api = new FakeApi(), change: Partial<DeskOptions> = {}) {
  const clock = new FakeClock();
  let rights: Rights = 'manage';
  const desk = new Desk({
    api,
    clock,
    log: silent,
    platform: 'linux',
    rights: async () => rights,
    diagnose: async (): Promise<Link> => ({ kind: 'absent', why: 'stopped' }),
    checkSocket: async () => undefined,
    ...change,
  });
  open.push(desk);
  const patches: { patch: Patch; seq: number }[] = [];
  desk.subscribe((patch, seq) => patches.push({ patch, seq }));
  return {
    api,
    clock,
    desk,
    patches,
    ui: () => deriveUi(desk.snapshot, clock.now()),
    demote: () => {
      rights = 'readonly';
    },
  };
}

test('it is ready as soon as the daemon has answered, and knows what that said', async () => {
  const { desk, clock, ui, api } = setUp();
  api.state = statusOf([peerOf(1)]);
  expect(ui()).toBe('loading');
  await clock.advance(0);
  expect(desk.snapshot.link).toEqual({ kind: 'ready', rights: 'manage' });
  expect(desk.snapshot.devices['n1']?.name).toBe('host1');
  expect(desk.snapshot.daemon.features).toContain('traffic-history');
  expect(ui()).toBe('on');
});

test('a daemon that is not ours has not what only ours has', async () => {
  const api = new FakeApi();
  api.rhumbVersion = undefined;
  const { desk, clock } = setUp(api);
  await clock.advance(0);
  expect(desk.snapshot.daemon.features).not.toContain('traffic-history');
});

test('a daemon that is absent is looked for two seconds before anybody is told, then found when it comes', async () => {
  const api = new FakeApi();
  api.isThere = false;
  const { clock, ui } = setUp(api);
  await clock.advance(1_900);
  expect(ui()).toBe('loading');
  await clock.advance(4_000);
  expect(ui()).toBe('daemon-stopped');
  api.isThere = true;
  await clock.advance(3_000);
  expect(ui()).toBe('on');
});

test('a socket that must not be trusted is told at once, and never spoken to', async () => {
  const api = new FakeApi();
  const { clock, ui } = setUp(api, {
    checkSocket: async () => {
      throw new RhumbError('not-allowed', 'owned by user 1000');
    },
    diagnose: async ({ message }) => ({ kind: 'refused', reason: message }),
  });
  await clock.advance(10_000);
  expect(ui()).toBe('untrusted-daemon');
  expect(api.asked.watches).toBe(0);
});

test('a diagnosis that fails is no end', async () => {
  const api = new FakeApi();
  api.isThere = false;
  const { clock, ui } = setUp(api, {
    diagnose: async () => {
      throw new Error('no systemctl');
    },
  });
  await clock.advance(6_000);
  expect(ui()).toBe('daemon-stopped');
});

test('a restart within two seconds keeps the screen, and nobody sees an empty one', async () => {
  const { api, clock, desk, patches, ui } = setUp();
  api.state = statusOf([peerOf(1)]);
  await clock.advance(5_000);
  api.isThere = false;
  api.drop();
  await clock.advance(300);
  expect(ui()).toBe('reconnecting');
  expect(desk.snapshot.devices['n1']).toBeDefined();
  api.isThere = true;
  await clock.advance(1_000);
  expect(ui()).toBe('on');
  expect(patches.some(({ patch }) => patch.devices?.['n1'] === null)).toBe(false);
});

test('a daemon that stays away longer is stopped', async () => {
  const { api, clock, desk, ui } = setUp();
  api.state = statusOf([peerOf(1)]);
  await clock.advance(5_000);
  api.isThere = false;
  api.drop();
  await clock.advance(2_500);
  expect(ui()).toBe('daemon-stopped');
  await clock.advance(3_000);
  expect(desk.snapshot.link).toEqual({ kind: 'absent', why: 'stopped' });
  expect(desk.snapshot.devices).toEqual({});
});

test('a daemon that lets in and shows out again is not asked without end', async () => {
  const { api, clock } = setUp();
  await clock.advance(0);
  for (let i = 0; i < 400; i++) {
    api.drop();
    await clock.advance(50);
  }
  expect(api.asked.watches).toBeLessThan(20);
});

test('a daemon that hangs is lost after ten seconds, and found again when it answers', async () => {
  const { api, clock, ui } = setUp();
  await clock.advance(5_000);
  api.hangs = true;
  await clock.advance(14_000);
  expect(['reconnecting', 'daemon-stopped']).toContain(ui());
  await clock.advance(30_000);
  expect(ui()).toBe('daemon-stopped');
  api.hangs = false;
  await clock.advance(15_000);
  expect(ui()).toBe('on');
});

test('a status that was under way does not undo what the bus said meanwhile', async () => {
  const { api, clock, desk } = setUp();
  api.state = statusOf([], { BackendState: 'Starting' });
  await clock.advance(5_000);
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const before = api.status.bind(api);
  api.status = async (options, signal) => {
    const old = await before(options, signal);
    await held;
    return old;
  };
  desk.refresh();
  await clock.advance(100);
  api.state = statusOf([]);
  api.say({ State: State.Running });
  await clock.advance(200);
  expect(desk.snapshot.state).toBe('Running');
  api.status = before;
  release();
  await clock.advance(10);
  expect(desk.snapshot.state).toBe('Running');
  api.state = statusOf([], { BackendState: 'Stopped' });
  await clock.advance(5_000);
  expect(desk.snapshot.state).toBe('Stopped');
});

test('what is only passed through, and told late, hides no screen on which somebody writes', async () => {
  const { api, clock, desk } = setUp();
  await clock.advance(5_000);
  const shown: string[] = [];
  desk.subscribe(() => shown.push(desk.snapshot.state));
  api.state = statusOf([], { BackendState: 'NeedsLogin' });
  desk.refresh();
  await clock.advance(500);
  api.say({ State: State.NoState });
  await clock.advance(150);
  api.say({ State: State.NeedsLogin });
  await clock.advance(5_000);
  expect(new Set(shown)).toEqual(new Set(['NeedsLogin']));
});

test('why a login failed is shown until one succeeds', async () => {
  const { api, clock, desk } = setUp();
  await clock.advance(1_000);
  api.say({ ErrMessage: 'invalid key' });
  await clock.advance(200);
  expect(desk.snapshot.loginError).toBe('invalid key');
  api.say({ LoginFinished: {} });
  await clock.advance(200);
  expect(desk.snapshot.loginError).toBeUndefined();
});

test('a version that we do not understand is said, and tried again later', async () => {
  const api = new FakeApi();
  api.rhumbVersion = '9.0.0';
  const { clock, desk } = setUp(api, { isCompatible: (version) => version.startsWith('0.') });
  await clock.advance(1_000);
  expect(desk.snapshot.link).toEqual({ kind: 'mismatch', daemonVersion: '9.0.0' });
  api.rhumbVersion = '0.2.0';
  await clock.advance(6_000);
  expect(desk.snapshot.link.kind).toBe('ready');
});

test('answers that nobody can read are of another version', async () => {
  const api = new FakeApi();
  api.failure = new RhumbError('protocol', 'status: malformed');
  api.isThere = false;
  const { clock, ui } = setUp(api);
  await clock.advance(1_000);
  expect(ui()).toBe('version-mismatch');
});

test('who may only look is not shown accounts, and they are not asked for', async () => {
  const { api, clock, desk, demote } = setUp();
  demote();
  await clock.advance(10_000);
  expect(desk.snapshot.link).toEqual({ kind: 'ready', rights: 'readonly' });
  expect(api.asked.profiles).toBe(0);
});

test('patches add up to the snapshot, are numbered without gaps, and come ten times a second at most', async () => {
  const { api, clock, desk, patches } = setUp();
  let copy = desk.snapshot;
  desk.subscribe((patch) => {
    copy = applyPatch(copy, patch);
  });
  await clock.advance(1_000);
  const from = patches.length;
  for (let i = 0; i < 200; i++) {
    api.say({ SuggestedExitNode: `n${i}` });
    await clock.advance(5);
  }
  expect(patches.length - from).toBeLessThanOrEqual(11);
  await clock.advance(200);
  expect(copy).toEqual(desk.snapshot);
  expect(desk.snapshot.suggestedExitNodeId).toBe('n199');
  expect(patches.map(({ seq }) => seq)).toEqual(patches.map((_, i) => i + 1));
});

test('while nobody looks, the daemon is asked fifteen times less', async () => {
  const { api, clock, desk } = setUp();
  await clock.advance(10_000);
  const begin = api.asked.status;
  await clock.advance(60_000);
  const watched = api.asked.status - begin;
  desk.setWatched(false);
  await clock.advance(60_000);
  expect(api.asked.status - begin - watched).toBeLessThan(watched / 10);
});

test('of 5 000 devices only the one that changed is told, and the others stay the same objects', async () => {
  const api = new FakeApi();
  const peers = Array.from({ length: 5_000 }, (_, i) => peerOf(i + 1));
  api.state = statusOf(peers);
  const { clock, desk, patches } = setUp(api);
  await clock.advance(1_000);
  const before = desk.snapshot.devices;
  patches.length = 0;
  api.state = statusOf(peers.map((peer) => (peer.ID === 'n77' ? { ...peer, Online: false } : { ...peer })));
  await clock.advance(5_000);
  expect(patches).toHaveLength(1);
  expect(Object.keys(patches[0]?.patch.devices ?? {})).toEqual(['n77']);
  expect(desk.snapshot.devices['n78']).toBe(before['n78']);
});

test('devices with ids like those of every object are devices like any other', async () => {
  const api = new FakeApi();
  api.state = statusOf([peerOf(1, { ID: '__proto__' }), peerOf(2, { ID: 'constructor' })]);
  const { clock, desk } = setUp(api);
  await clock.advance(0);
  expect(Object.keys(desk.snapshot.devices).sort()).toEqual(['__proto__', 'constructor']);
  expect(Object.getPrototypeOf(desk.snapshot.devices)).toBe(Object.prototype);
});

test('at its end nothing is left', async () => {
  const { clock, desk } = setUp();
  await clock.advance(1_000);
  await desk[Symbol.asyncDispose]();
  open.length = 0;
  expect(clock.pending).toBe(0);
});
