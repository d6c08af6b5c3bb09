/** Whether a desktop has a place for trays: asked of a real bus, and looked at again as desktops change. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { programRunner } from '../service/run.ts';
import type { Argv, Ran } from '../service/types.ts';
import { hasTrayHost, TRAY_QUESTIONS, trayHostName, watchTrayHost } from './host.ts';

const answering = (...answers: readonly Ran[]) => {
  const asked: Argv[] = [];
  const run = async (argv: Argv): Promise<Ran> => {
    asked.push(argv);
    return answers[asked.length - 1] ?? { code: -1, output: '' };
  };
  return { asked, run };
};

test.each<readonly [string, Ran, boolean]>([
  ['a watcher with a host', { code: 0, output: 'b true\n' }, true],
  ['a watcher without one', { code: 0, output: 'b false\n' }, false],
  ['no watcher', { code: 1, output: 'Call failed: The name is not activatable\n' }, false],
])('%s', async (_name, answer, want) => {
  expect(await hasTrayHost('linux', answering(answer).run)).toBe(want);
});

test('without systemd the other program is asked, and without either there is no tray', async () => {
  const missing: Ran = { code: -1, output: '' };
  const { run, asked } = answering(missing, { code: 0, output: '   variant       boolean true\n' });
  expect(await hasTrayHost('linux', run)).toBe(true);
  expect(asked).toEqual(TRAY_QUESTIONS);
  expect(await hasTrayHost('linux', answering(missing, missing).run)).toBe(false);
});

test('Windows and macOS always have one, and nothing is run', async () => {
  const { run, asked } = answering();
  expect([await hasTrayHost('win32', run), await hasTrayHost('darwin', run), asked]).toEqual([
    true,
    true,
    [],
  ]);
});

test.each<readonly [string, Ran, string | undefined]>([
  ['GNOME', { code: 0, output: 'PID=812\nComm=gnome-shell\nCommandLine=/usr/bin/gnome-shell\n' }, 'GNOME'],
  ['Plasma', { code: 0, output: 'PID=9\nComm=kded6\n' }, 'KDE Plasma'],
  ['a program without a name here', { code: 0, output: 'Comm=toString\n' }, undefined],
  ['nobody', { code: 1, output: 'Failed to get credentials: The name is not activatable\n' }, undefined],
])('the tray of %s has its name', async (_name, answer, want) => {
  const { run, asked } = answering(answer);
  expect(await trayHostName('linux', run)).toBe(want);
  expect(asked.map(([program]) => program)).toEqual(['/usr/bin/busctl']);
  expect(await trayHostName('darwin', run)).toBeUndefined();
});

test('it looks often while a session begins, seldom later, and never again when it ends', async () => {
  const clock = new FakeClock();
  const told: string[] = [];
  let looks = 0;
  let has = false;
  const watch = {
    clock,
    platform: 'linux',
    has: async () => {
      looks++;
      return has;
    },
    changed: (is: boolean) => void told.push(`${Math.round(clock.monotonic() / 1_000)} ${is}`),
  };
  const start = Math.round(clock.monotonic() / 1_000);
  const stop = watchTrayHost(watch, false);
  await clock.advance(10_000);
  expect(looks).toBe(5);
  has = true;
  await clock.advance(2_000);
  expect(told).toEqual([`${start + 12} true`]);
  await clock.advance(120_000);
  expect(looks).toBe(10);
  stop();
  await clock.advance(120_000);
  expect([looks, clock.pending]).toEqual([10, 0]);
});

const hasBus = process.platform === 'linux' && spawnSync('dbus-daemon', ['--version']).status === 0;

test.skipIf(!hasBus)(
  'on a real bus without a watcher there is none, and nothing is started for it',
  async () => {
    const bus: ChildProcess = spawn('dbus-daemon', ['--session', '--nofork', '--print-address'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const [address] = (await once(bus.stdout ?? process.stdin, 'data')) as [Buffer];
      const run = programRunner({ DBUS_SESSION_BUS_ADDRESS: address.toString().trim() });
      expect(await hasTrayHost('linux', run)).toBe(false);
      for (const question of TRAY_QUESTIONS)
        expect((await run(question, { timeoutMs: 5_000 })).output, question[0]).toMatch(
          /not activatable|not provided|ServiceUnknown|NameHasNoOwner/,
        );
    } finally {
      bus.kill();
    }
  },
);
