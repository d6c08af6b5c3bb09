/** Small parts of the desktop program: placement, links, settings, terminals, updates, the log file. */
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { CallContext } from '#shared/bridge/dispatch.ts';
import { sshTarget } from '#shared/desk/calls/host.ts';
import { RhumbError } from '#shared/errors.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { shellCalls } from './calls/shell-calls.ts';
import { ownOptions } from './launch/options.ts';
import { seldom } from './launch/seldom.ts';
import { terminalArgv } from './launch/terminal.ts';
import { diagnose } from './link/diagnose.ts';
import { linkIn, routeOf } from './links.ts';
import { rotatingFile } from './log-file.ts';
import { autostart, autostartEntry, autostartPath, ownProgram } from './login/autostart.ts';
import { settingsOnDisk } from './settings/disk.ts';
import { SettingsFile } from './settings/file.ts';
import { DEFAULTS, MIGRATIONS, NOTHING_SAVED, readSaved, VERSION, writeSaved } from './settings/gui.ts';
import { de } from './text/de.ts';
import { en } from './text/en.ts';
import { fr } from './text/fr.ts';
import { textIn } from './text/text.ts';
import { trayImage } from './tray/image.ts';
import { isNewer, updateSource } from './update/policy.ts';
import { updatesFrom } from './update/updates.ts';
import { closeMeans } from './window/close.ts';
import { placeWindow } from './window/placement.ts';

const folder = mkdtempSync(join(tmpdir(), 'rhumb-main-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the window opens', () => {
  const left = { x: 0, y: 0, width: 1920, height: 1080 };
  const right = { x: 1920, y: 0, width: 1280, height: 1024 };
  const last = { x: 2000, y: 100, width: 900, height: 700, isMaximized: false };

  test('where the system puts it the first time', () =>
    expect(placeWindow(undefined, [left])).toEqual({ width: 960, height: 680 }));
  test('where it was', () =>
    expect(placeWindow(last, [left, right])).toEqual({ x: 2000, y: 100, width: 900, height: 700 }));
  test('elsewhere when its display is gone', () =>
    expect(placeWindow(last, [left])).toEqual({ width: 900, height: 700 }));
  test('smaller on a smaller display, and never smaller than it may be', () => {
    const small = { x: 0, y: 0, width: 800, height: 600 };
    expect(placeWindow({ ...last, x: 0, y: 0, width: 3000, height: 3000 }, [small])).toMatchObject(small);
    expect(placeWindow({ ...last, x: 0, width: 10, height: 10 }, [small])).toMatchObject({
      width: 360,
      height: 520,
    });
  });
  test('with a title bar in reach, whatever was written down', () => {
    const number = fc.integer({ min: -100_000, max: 100_000 });
    fc.assert(
      fc.property(number, number, number, number, (x, y, width, height) => {
        const at = placeWindow({ x, y, width, height, isMaximized: false }, [left, right]);
        if (at.x === undefined || at.y === undefined) return;
        const isHeld = [left, right].some(
          (one) =>
            Math.min((at.x ?? 0) + at.width, one.x + one.width) - Math.max(at.x ?? 0, one.x) >= 100 &&
            (at.y ?? 0) >= one.y &&
            (at.y ?? 0) < one.y + one.height,
        );
        expect(isHeld).toBe(true);
      }),
      { seed: 6 },
    );
  });
});

test('closing hides where something can bring it back, and what was chosen counts', () => {
  expect(closeMeans('auto', true, 'linux')).toBe('hide');
  expect(closeMeans('auto', false, 'linux')).toBe('quit');
  expect(closeMeans('auto', false, 'darwin')).toBe('hide');
  expect(closeMeans('quit', true, 'linux')).toBe('quit');
});

test.each([
  ['rhumb:devices/abc-1', '/devices/abc-1'],
  ['rhumb://settings/dns/', '/settings/dns'],
  ['RHUMB:home', '/'],
  ['rhumb:logout', undefined],
  ['rhumb:devices/../../x', undefined],
  ['rhumb:devices/a/b/c', undefined],
  ['https://rhumb/devices', undefined],
  [`rhumb:devices/${'a'.repeat(600)}`, undefined],
])('the link %s leads to %s', (link, route) => expect(routeOf(link)).toBe(route));

test.each([
  'rhumb:javascript:alert(1)',
  'rhumb:https://evil.example/',
  'rhumb://evil.example/devices',
  'rhumb:devices/%2e%2e/x',
  'rhumb:devices/<img src=x>',
  'rhumb:devices/a?force=1',
  'rhumb:devices/a#/settings',
  'rhumb:devices/a\u202eb',
  'rhumb:\u0000devices',
  'rhumb:devices\n/x',
  'rhumb:__proto__',
  'rhumb:login.start?authKey=x',
  'rhumb:',
])('the hostile link %j leads nowhere', (link) => expect(routeOf(link)).toBeUndefined());

test('a link is found among the arguments', () => {
  expect(linkIn(['/opt/Rhumb/rhumb', '--hidden', 'rhumb:devices'])).toBe('rhumb:devices');
  expect(linkIn(['rhumb:x/rhumb'])).toBeUndefined();
});

test('what stands behind a link, or behind --, is no option of ours', () => {
  const hostile = [
    'C:\\rhumb.exe',
    '--hidden',
    'rhumb:devices',
    '--socket=\\\\evil\\pipe',
    '--ignore-socket-owner',
  ];
  expect(ownOptions(hostile)).toEqual(['--hidden']);
  expect(ownOptions(['rhumb', '--', '--ignore-socket-owner'])).toEqual([]);
  expect(ownOptions(['electron', '.', '--socket=/run/x'])).toEqual(['.', '--socket=/run/x']);
});

describe('starting at login on Linux', () => {
  const path = join(folder, 'config', 'autostart', 'io.rhumb.desktop.desktop');
  test('is a file of the desktop’s, where the person keeps such files', () => {
    expect(autostartPath({ XDG_CONFIG_HOME: '/cfg' }, '/home/me')).toBe(
      '/cfg/autostart/io.rhumb.desktop.desktop',
    );
    expect(autostartPath({ XDG_CONFIG_HOME: 'not/absolute' }, '/home/me')).toMatch(
      /^\/home\/me\/\.config\/autostart\//,
    );
  });
  test('is switched on and off, and heeds what the desktop’s own settings say', () => {
    const item = autostart(path, ['/opt/Rhumb/rhumb-desktop']);
    expect(item.isOn()).toBe(false);
    item.set(true, ['--hidden']);
    expect(item.isOn()).toBe(true);
    expect(readFileSync(path, 'utf8')).toContain('\nExec="/opt/Rhumb/rhumb-desktop" "--hidden"\n');
    writeFileSync(path, `${readFileSync(path, 'utf8')}Hidden=true\n`);
    expect(item.isOn()).toBe(false);
    item.set(false, []);
    item.set(false, []);
    expect([item.isOn(), readdirSync(join(folder, 'config', 'autostart'))]).toEqual([false, []]);
  });
  test('quotes whatever the path of the program holds', () => {
    expect(autostartEntry(['/home/a b/$x"`%\\\nHidden=true'])).toContain(
      '\nExec="/home/a b/\\\\$x\\\\"\\\\`%%\\\\\\\\\\nHidden=true"\n',
    );
  });
  test('an AppImage starts as itself, and only when it is one', () => {
    const env = { APPIMAGE: '/home/me/Rhumb.AppImage', APPDIR: '/tmp/.mount_x' };
    expect(ownProgram(env, '/tmp/.mount_x/rhumb-desktop')).toBe('/home/me/Rhumb.AppImage');
    expect(ownProgram(env, '/opt/Rhumb/rhumb-desktop')).toBe('/opt/Rhumb/rhumb-desktop');
    expect(ownProgram({}, '/opt/Rhumb/rhumb-desktop')).toBe('/opt/Rhumb/rhumb-desktop');
  });
});

describe('settings', () => {
  test('survive a round trip, with what a newer version wrote', () => {
    const saved = {
      ...NOTHING_SAVED,
      settings: { ...DEFAULTS, theme: 'dark' as const },
      unknown: { later: [1] },
    };
    expect(readSaved(writeSaved(saved))).toEqual(saved);
  });
  test('a value that makes no sense is the default; the others stay', () => {
    const read = readSaved(
      JSON.stringify({ version: 1, theme: 'purple', onClose: 'quit', window: { x: 'a' } }),
    );
    expect(read?.settings).toEqual({ ...DEFAULTS, onClose: 'quit' });
    expect(read?.window).toBeUndefined();
  });
  test('text that is no settings is none', () => {
    for (const text of ['', '{', '[]', 'null', '{"version":-1}'])
      expect(readSaved(text), text).toBeUndefined();
  });
  test('what a newer program wrote by its own rules stays marked as such', () => {
    const read = readSaved(JSON.stringify({ version: 7, theme: 'dark' }));
    expect(JSON.parse(writeSaved(read ?? NOTHING_SAVED))).toMatchObject({ version: 7, theme: 'dark' });
  });
  test('names that every object has are nothing special', () => {
    const read = readSaved('{"version":1,"__proto__":{"theme":"dark"},"constructor":1,"theme":"light"}');
    expect(read?.settings.theme).toBe('light');
    expect(JSON.parse(writeSaved(read ?? NOTHING_SAVED)).constructor).toBe(1);
  });

  test('a pipe, a folder, a link to one or a disk’s worth in their place is put aside, and nothing hangs', async () => {
    const path = join(folder, 'odd', 'settings.json');
    const open = () => SettingsFile.open(settingsOnDisk(path), silent);
    const put: readonly (() => unknown)[] = [
      () => execFileSync('mkfifo', [path]),
      () => mkdirSync(path),
      () => symlinkSync('/dev/zero', path),
      () => writeFileSync(path, 'x'.repeat(2_000_000)),
    ];
    mkdirSync(join(folder, 'odd'));
    for (const one of process.platform === 'win32' ? put.slice(3) : put) {
      one();
      const settings = await open();
      expect(settings.settings).toEqual(DEFAULTS);
      await settings.edit({ theme: 'dark' });
      expect((await open()).settings.theme).toBe('dark');
      rmSync(join(folder, 'odd'), { recursive: true });
      mkdirSync(join(folder, 'odd'));
    }
  });
  test('there is a migration for each version that was', () => expect(MIGRATIONS).toHaveLength(VERSION));

  test('are written all at once, and an unreadable file is put aside', async () => {
    const path = join(folder, 'a', 'settings.json');
    const first = await SettingsFile.open(settingsOnDisk(path), silent);
    const heard: string[] = [];
    first.subscribe(({ theme }) => heard.push(theme));
    await Promise.all([first.edit({ theme: 'dark' }), first.edit({ onClose: 'hide' })]);
    first.placed({ x: 1, y: 2, width: 900, height: 700, isMaximized: true });
    await first.flush();
    const again = await SettingsFile.open(settingsOnDisk(path), silent);
    expect(again.settings).toMatchObject({ theme: 'dark', onClose: 'hide' });
    expect(again.window?.isMaximized).toBe(true);
    expect(heard).toEqual(['dark', 'dark']);
    writeFileSync(path, 'not json');
    expect((await SettingsFile.open(settingsOnDisk(path), silent)).settings).toEqual(DEFAULTS);
    expect(readdirSync(join(folder, 'a'))).toEqual(['settings.json.unreadable']);
  });

  test('a disk that is full is told, and the setting counts until the end', async () => {
    const full = {
      read: async () => undefined,
      setAside: async () => undefined,
      write: () => Promise.reject(new Error('ENOSPC')),
    };
    const file = await SettingsFile.open(full, silent);
    await expect(file.edit({ theme: 'light' })).rejects.toThrow('ENOSPC');
    expect(file.settings.theme).toBe('light');
  });
});

describe('ssh opens', () => {
  const target = sshTarget('ann', 'NAS.net.example');
  test.each([
    [
      'linux',
      ['/usr/bin/ssh', '/usr/bin/konsole', '/usr/bin/xterm'],
      ['/usr/bin/konsole', '-e', '/usr/bin/ssh', '--', 'ann@nas.net.example'],
    ],
    ['darwin', [], ['/usr/bin/open', 'ssh://ann@nas.net.example']],
    [
      'win32',
      ['C:\\Windows\\System32\\OpenSSH\\ssh.exe'],
      [
        'C:\\Windows\\System32\\conhost.exe',
        'C:\\Windows\\System32\\OpenSSH\\ssh.exe',
        '--',
        'ann@nas.net.example',
      ],
    ],
    ['linux', ['/usr/bin/ssh'], undefined],
    ['linux', ['/usr/bin/xterm'], undefined],
  ])('on %s with %j', (platform, files, argv) => {
    expect(terminalArgv(target, platform, (path) => (files as string[]).includes(path), undefined)).toEqual(
      argv,
    );
  });
  test('an address of IPv6 is bracketed in a URL', () => {
    expect(terminalArgv('ann@fd7a::1', 'darwin', () => false, undefined)?.[1]).toBe('ssh://ann@[fd7a::1]');
  });
});

test('a page that went mad opens five things, and one question for a password', async () => {
  const clock = new FakeClock();
  const opened: string[] = [];
  const open = seldom(clock, async (url: string) => void opened.push(url));
  const asks = async (count: number): Promise<number> => {
    const all = await Promise.allSettled(
      Array.from({ length: count }, (_, n) => open(`https://x.example/${n}`)),
    );
    return all.filter(({ status }) => status === 'fulfilled').length;
  };
  expect([await asks(50), opened.length]).toEqual([5, 5]);
  await clock.advance(10_000);
  expect(await asks(1)).toBe(1);

  let answer = (): void => undefined;
  const questions: string[] = [];
  const calls = shellCalls({
    service: {
      state: async () => 'stopped',
      look: async () => ({ isAtBoot: null, lines: null }),
      canForward: () => false,
      run: (verb) => {
        questions.push(verb);
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
    },
    updates: { check: async () => ({ version: '1', isNewer: false }), install: async () => undefined },
    hideWindow: () => undefined,
    refresh: () => undefined,
    isReplaced: () => false,
    relaunch: () => undefined,
  });
  const context = { signal: new AbortController().signal } as CallContext;
  const first = calls['service.start']({ atBoot: false }, context);
  for (const call of ['service.install', 'service.restart', 'operator.grant', 'forwarding.enable'] as const)
    await expect(calls[call](undefined, context), call).rejects.toMatchObject({ code: 'conflict' });
  answer();
  await first;
  expect(questions).toEqual(['start']);
});

describe('updates', () => {
  test.each([
    ['linux', true, 'https://x.example/', 'package manager'],
    ['win32', false, 'https://x.example/', 'checkout'],
    ['win32', true, undefined, 'no feed'],
    ['win32', true, 'http://x.example/', 'no https'],
  ])('are off on %s, packed %s, feed %s: %s', async (platform, isPackaged, feed, why) => {
    const source = updateSource(platform, isPackaged, feed);
    expect(source).toMatchObject({ kind: 'off', why: expect.stringContaining(why) });
    const opened: string[] = [];
    const updates = updatesFrom(source, '1.0.0', (url) => {
      opened.push(url);
      return Promise.reject(new Error('not asked for'));
    });
    await expect(updates.check()).rejects.toMatchObject({ code: 'unavailable' });
    expect(opened).toEqual([]);
  });

  test('install what is newer, and never what is older', async () => {
    const did: string[] = [];
    const at = (version: string) =>
      updatesFrom(updateSource('win32', true, 'https://x.example/'), '1.2.3', async () => ({
        newest: async () => version,
        download: async () => void did.push('download'),
        install: () => void did.push('install'),
      }));
    await expect(at('1.2.2').install()).rejects.toMatchObject({ code: 'conflict' });
    expect(did).toEqual([]);
    await at('1.3.0').install();
    expect(did).toEqual(['download', 'install']);
  });

  test.each([
    ['1.2.10', '1.2.9', true],
    ['1.2.3', '1.2.3', false],
    ['1.2.3', '1.2.3-rc.1', true],
    ['1.2.3-rc.1', '1.2.3', false],
    ['nonsense', '1.2.3', false],
  ])('%s over %s: %s', (candidate, current, newer) => expect(isNewer(candidate, current)).toBe(newer));
});

test('the daemon’s absence has its reason', () => {
  const away = new RhumbError('unavailable', 'not there');
  expect(diagnose(away, 'not-installed')).toEqual({ kind: 'absent', why: 'not-installed' });
  expect(diagnose(away, 'running')).toEqual({ kind: 'absent', why: 'stopped' });
  expect(diagnose(new RhumbError('not-allowed', 'of user 5'), 'running')).toEqual({
    kind: 'refused',
    reason: 'of user 5',
  });
});

test('the log file is one of five, each no larger than a megabyte', () => {
  const path = join(folder, 'logs', 'main.log');
  const log = rotatingFile(path);
  for (let n = 0; n < 70; n++) log.write(`${'x'.repeat(100_000)}${n}\n`);
  expect(readdirSync(join(folder, 'logs')).sort()).toEqual([
    'main.log',
    'main.log.1',
    'main.log.2',
    'main.log.3',
    'main.log.4',
  ]);
  expect(readFileSync(path, 'utf8')).toMatch(/69\n$/);
});

test('each drawing of the tray has its file', () => {
  const at = { folder: '/r', style: 'mono', isDark: true } as const;
  expect(trayImage({ icon: 'on', hasAttention: false }, { ...at, platform: 'linux' })).toBe(
    '/r/on-light.png',
  );
  expect(trayImage({ icon: 'on', hasAttention: true }, { ...at, platform: 'win32' })).toBe(
    '/r/on-attention-light.ico',
  );
  expect(trayImage({ icon: 'off', hasAttention: false }, { ...at, platform: 'darwin' })).toBe(
    '/r/offTemplate.png',
  );
});

test('all languages have the same keys and the same values in them', () => {
  const values = (text: string): string[] => [...text.matchAll(/\{\{\w+\}\}/g)].map(([one]) => one).sort();
  for (const other of [de, fr]) {
    expect(Object.keys(other)).toEqual(Object.keys(en));
    for (const [key, text] of Object.entries(en))
      expect(values(other[key as keyof typeof en]), key).toEqual(values(text));
  }
  expect(textIn('', 'de-AT')('tray.quit')).toBe('Beenden');
  expect(textIn('xx', 'de')('tray.problems', { count: 2 })).toBe('2 problems…');
});
