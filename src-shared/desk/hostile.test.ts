/** The desk over a real socket, with daemons that are gone, old, new, hung, broken or lying, and networks full of hostile names. */
import { afterEach, expect, test } from 'vitest';
import { RhumbError } from '../errors.ts';
import { encodeStatus } from '../localapi/status.ts';
import { LocalApi } from '../node/localapi-client.ts';
import { ScriptedDaemon } from '../node/testing/scripted-daemon.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { deriveUi } from '../ui-state/derive.ts';
import { applyPatch } from '../ui-state/patch.ts';
import type { Snapshot } from '../ui-state/types.ts';
import { stringifyJson } from '../wire/json.ts';
import { Desk, type DeskOptions } from './desk.ts';
import { peerOf, statusOf } from './testing/fake-api.ts';
import { ofManager } from './testing/of-manager.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const item of open.splice(0).reverse()) await item[Symbol.asyncDispose]();
});

async function setUp(
  script: (daemon: ScriptedDaemon) => void = () => undefined,
  change: Partial<DeskOptions> = {},
) {
  const daemon = await ScriptedDaemon.make();
  open.push(daemon);
  script(daemon);
  await daemon.start();
  const clock = new FakeClock();
  const api = new LocalApi({ socketPath: daemon.socketPath, clock, dialRetryMs: 0 });
  open.push({ [Symbol.asyncDispose]: async () => api[Symbol.dispose]() });
  const desk = new Desk({ ...ofManager({ api, clock }), ...change });
  open.push(desk);
  let copy: Snapshot = desk.snapshot;
  let patches = 0;
  desk.subscribe((patch) => {
    copy = applyPatch(copy, patch);
    patches++;
  });
  const ui = () => deriveUi(desk.snapshot, clock.now());
  return { daemon, clock, desk, ui, copy: () => copy, patches: () => patches };
}

/** The clock stands still while real sockets are at work, and moves on a little each time that they had a turn. */
async function until(clock: FakeClock, isSo: () => boolean, stepMs = 20): Promise<void> {
  for (let turn = 0; !isSo(); turn++) {
    if (turn > 5_000) throw new Error('it never was so');
    for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve));
    await clock.advance(stepMs);
  }
}

test('a daemon that is killed within a message and starts again is found again, and never taken for another version', async () => {
  const { daemon, clock, desk, ui } = await setUp();
  const seen = new Set<string>();
  desk.subscribe(() => seen.add(ui()));
  await until(clock, () => ui() === 'on' && daemon.watchers === 1);
  daemon.say('{"State":4,"Pre');
  await daemon.stop();
  await until(clock, () => ui() === 'reconnecting');
  await daemon.start();
  await until(clock, () => ui() === 'on');
  expect([...seen].sort()).toEqual(['on', 'reconnecting']);
  await daemon.stop();
  await until(clock, () => desk.snapshot.link.kind === 'absent', 200);
  expect(ui()).toBe('daemon-stopped');
});

test('a daemon that takes requests and says nothing counts as stopped, and is back when it speaks', async () => {
  const { daemon, clock, desk, ui } = await setUp((it) => {
    it.isHung = true;
  });
  await until(clock, () => desk.snapshot.link.kind === 'absent', 200);
  expect(ui()).toBe('daemon-stopped');
  expect(daemon.asked.length).toBeLessThan(10);
  daemon.isHung = false;
  await until(clock, () => ui() === 'on', 200);
});

test.each([
  ['torn JSON', '{"State":\n'],
  ['no JSON', 'hello\n'],
  ['JSON of another kind', '{"State":"six"}\n'],
  ['a list', '[1]\n'],
])(
  '%s on the bus is told as another version, and left when the daemon speaks our language',
  async (_what, line) => {
    const { daemon, clock, desk, ui } = await setUp();
    await until(clock, () => ui() === 'on' && daemon.watchers === 1);
    daemon.say(line);
    await until(clock, () => ui() === 'version-mismatch');
    expect(desk.snapshot.devices).toEqual({});
    await until(clock, () => ui() === 'on');
  },
);

test('a newer daemon with fields, states and severities that nobody knows here is followed', async () => {
  const { daemon, clock, desk, ui } = await setUp((it) => {
    const status = encodeStatus(statusOf([peerOf(1)], { BackendState: 'Hibernating' }));
    it.answers.set('status', stringifyJson({ ...status, Future: { deep: [1] } }));
    it.answers.set('rhumb/facts', '{"RunningSince":"2026-01-01T00:00:00Z","Future":1}');
    it.answers.set('policy/', '{"Settings":{"Future":{"Value":{"a":[1]}}}}');
  });
  await until(clock, () => desk.snapshot.link.kind === 'ready' && daemon.watchers === 1);
  expect(ui()).toBe('loading');
  daemon.say(
    '{"State":99,"Future":{},"Health":{"Warnings":{"new-code":{"Severity":"apocalyptic","Title":"t","Text":"x"}}}}\n',
  );
  await until(clock, () => desk.snapshot.warnings.length === 1);
  expect(desk.snapshot.warnings[0]).toMatchObject({ code: 'new-code', severity: 'medium' });
  daemon.say('{"State":6}\n');
  daemon.answers.set('status', stringifyJson(encodeStatus(statusOf([peerOf(1)]))));
  await until(clock, () => ui() === 'on');
});

test('an older daemon without profiles, policy and facts is followed, and its accounts are none', async () => {
  const { clock, desk, ui } = await setUp((it) => {
    it.version = undefined;
    for (const name of ['policy/']) it.answers.delete(name);
  });
  await until(clock, () => ui() === 'on');
  expect(desk.snapshot.accounts).toEqual([]);
  expect(desk.snapshot.daemon.features).not.toContain('traffic-history');
});

test('a socket of somebody else is not spoken to', async () => {
  const { daemon, clock, ui } = await setUp(() => undefined, {
    checkSocket: async () => {
      throw new RhumbError('not-allowed', 'it belongs to user 1000');
    },
    diagnose: async (error) => ({ kind: 'refused', reason: error.message }),
  });
  await until(clock, () => ui() === 'untrusted-daemon');
  expect(daemon.asked).toEqual([]);
});

const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '\u202egnp.exe',
  'javascript:alert(1)',
  '__proto__',
  'a'.repeat(60_000),
  '😀'.repeat(20_000),
  '\u0000\u001b[31m',
];

test('hostile names and warnings are text of bounded length, and the copy of a page is the same', async () => {
  const { daemon, clock, desk, ui, copy } = await setUp((it) => {
    const peers = HOSTILE.map((name, i) =>
      peerOf(i + 1, {
        HostName: name,
        DNSName: '',
        OS: name,
        Tags: [name],
        ID: i === 3 ? '__proto__' : `n${i}`,
      }),
    );
    it.answers.set('status', stringifyJson(encodeStatus(statusOf(peers))));
  });
  await until(clock, () => ui() === 'on' && daemon.watchers === 1);
  const warnings = Object.fromEntries(
    HOSTILE.slice(0, 6).map((text, i) => [
      `w${i}`,
      { WarnableCode: `w${i}`, Title: text, Text: text, PrimaryAction: { URL: text, Label: text } },
    ]),
  );
  daemon.say(`${JSON.stringify({ Health: { Warnings: warnings }, ErrMessage: HOSTILE[4] })}\n`);
  await until(clock, () => desk.snapshot.warnings.length === 6);
  expect(Object.keys(desk.snapshot.devices)).toHaveLength(HOSTILE.length);
  expect(Object.hasOwn(desk.snapshot.devices, '__proto__')).toBe(true);
  expect(Object.getPrototypeOf(desk.snapshot.devices)).toBe(Object.prototype);
  expect(JSON.stringify(desk.snapshot).length).toBeLessThan(60_000);
  expect(JSON.stringify(desk.snapshot)).not.toMatch(/\\ud83d(?!\\ude00)/);
  expect(copy()).toEqual(desk.snapshot);
});

test('five thousand peers and ten thousand messages at once are a few patches and few questions', async () => {
  const peers = Array.from({ length: 5_000 }, (_, i) => peerOf(i + 1));
  const { daemon, clock, desk, ui, copy, patches } = await setUp((it) =>
    it.answers.set('status', stringifyJson(encodeStatus(statusOf(peers)))),
  );
  await until(clock, () => ui() === 'on' && daemon.watchers === 1);
  expect(Object.keys(desk.snapshot.devices)).toHaveLength(5_000);
  const [told, asked] = [patches(), daemon.asked.filter((name) => name === 'status').length];
  const began = clock.monotonic();
  daemon.say(Array.from({ length: 10_000 }, (_, i) => `{"SuggestedExitNode":"n${i}"}\n`).join(''));
  await until(clock, () => desk.snapshot.suggestedExitNodeId === 'n9999', 50);
  const seconds = (clock.monotonic() - began) / 1_000;
  expect(patches() - told).toBeLessThanOrEqual(10 * seconds + 2);
  const more = daemon.asked.filter((name) => name === 'status').length - asked;
  expect(more).toBeLessThanOrEqual(20 * seconds + 2);
  expect(copy()).toEqual(desk.snapshot);
});
