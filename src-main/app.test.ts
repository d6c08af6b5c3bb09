/** The whole desktop program over a fake Electron: windows, tray, notifications, IPC, and its end. */
import { expect, test } from 'vitest';
import type { Handlers } from '#shared/bridge/dispatch.ts';
import { RhumbError } from '#shared/errors.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock, settle } from '#shared/testing/fake-clock.ts';
import { NO_SNAPSHOT } from '#shared/ui-state/empty.ts';
import type { Patch, Snapshot } from '#shared/ui-state/types.ts';
import { App, prepare } from './app.ts';
import { CALL_CHANNEL } from './product.ts';
import { SettingsFile } from './settings/file.ts';
import type { System } from './system.ts';
import { FakeShell, type FakeWindow } from './testing/fake-shell.ts';
import { SNAPSHOTS } from './testing/snapshots.ts';

/** A daemon that says what a test wants it to. */
class FakeDesk implements AsyncDisposable {
  snapshot: Snapshot = NO_SNAPSHOT;
  isWatched = true;
  refreshes = 0;
  isClosed = false;
  #seq = 0;
  #listeners = new Set<(patch: Patch, seq: number) => void>();
  subscribe(listener: (patch: Patch, seq: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
  setWatched(isWatched: boolean): void {
    this.isWatched = isWatched;
  }
  refresh(): void {
    this.refreshes++;
  }
  become(snapshot: Snapshot): void {
    this.snapshot = snapshot;
    this.#seq++;
    for (const listener of this.#listeners) listener({ top: { state: snapshot.state } }, this.#seq);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
  }
}

interface Options {
  readonly argv?: readonly string[];
  readonly hasTray?: boolean;
  readonly handlers?: Partial<Handlers>;
  readonly saved?: string;
  readonly isLoginItem?: boolean;
  /** Of other programs, before this one could listen. */
  readonly early?: (shell: FakeShell) => void;
}

async function start({
  argv = ['rhumb'],
  hasTray = true,
  handlers = {},
  saved,
  isLoginItem = false,
  early = () => undefined,
}: Options = {}) {
  const shell = new FakeShell();
  const clock = new FakeClock();
  const desk = new FakeDesk();
  const host = { isThere: hasTray };
  shell.isLoginItem = isLoginItem;
  const called: unknown[] = [];
  const files = { read: async () => saved, write: async () => undefined, setAside: async () => undefined };
  const settings = await SettingsFile.open(files, silent);
  const system: System = {
    clock,
    log: silent,
    platform: 'linux',
    argv,
    updates: { check: async () => ({ version: '1', isNewer: false }), install: async () => undefined },
    hasUpdates: false,
    loginItem: {
      isOn: () => shell.isLoginItem,
      set: (isOn, args) => {
        shell.isLoginItem = isOn;
        shell.did.push(`login-item ${isOn} ${args.join(' ')}`.trim());
      },
    },
    hasTrayHost: async () => host.isThere,
    trayHostName: async () => 'KDE Plasma',
  };
  const did = (name: string) => (arg: unknown) => {
    called.push([name, arg]);
    return undefined;
  };
  const arrivals = prepare(shell, system);
  if (arrivals === undefined) throw new Error('another one runs');
  early(shell);
  const app = new App({
    shell,
    arrivals,
    system,
    settings,
    service: {
      state: async () => 'running',
      look: async () => ({ isAtBoot: false, lines: ['one'] }),
      canForward: () => true,
      run: async (verb, _signal, onLine) => {
        onLine?.(`doing ${verb}`);
        return did('service')(verb);
      },
    },
    daemon: {
      desk,
      handlers: {
        'prefs.edit': did('prefs.edit'),
        'exitNode.set': did('exitNode.set'),
        'clipboard.write': did('clipboard.write'),
        'login.start': did('login.start'),
        'state.get': () => ({ seq: 0, snapshot: desk.snapshot }),
        ...handlers,
      },
    },
  });
  await app.start();
  const tray = () => shell.trays.at(-1);
  const window = () => shell.windows.at(-1);
  /** The page has loaded, and asks for what there is. */
  const pageListens = () =>
    shell.invoke(CALL_CHANNEL, { windowId: window()?.id ?? 0 }, 'state.get', undefined);
  const call = (name: string, arg?: unknown) =>
    shell.invoke(CALL_CHANNEL, { windowId: window()?.id ?? 0 }, name, arg);
  return { shell, clock, desk, settings, called, tray, window, host, call, pageListens };
}

const places = (window: FakeWindow | undefined): unknown[] =>
  (window?.sent ?? []).filter(({ name }) => name === 'navigate').map(({ value }) => value);

test('a second start shows the first, and follows its link', async () => {
  const { shell, window, pageListens } = await start();
  await pageListens();
  window()?.hide();
  shell.tell('second-instance', ['rhumb', '--hidden']);
  expect(window()?.isVisible()).toBe(false);
  shell.tell('second-instance', ['rhumb']);
  expect(window()?.isVisible()).toBe(true);
  shell.tell('second-instance', ['rhumb', 'rhumb:devices/abc', '--hidden']);
  expect(places(window())).toEqual(['/devices/abc']);
});

test('a link that starts the program waits until the page can hear of it', async () => {
  const { window, pageListens } = await start({ argv: ['rhumb', 'rhumb:settings/dns'] });
  expect(places(window())).toEqual([]);
  await pageListens();
  expect(places(window())).toEqual(['/settings/dns']);
  await pageListens();
  expect(places(window())).toEqual(['/settings/dns']);
});

test('what came before anybody could listen is followed, and only the newest place is shown', async () => {
  const { window, pageListens } = await start({
    early: (shell) => {
      shell.tell('link', 'rhumb:devices');
      shell.tell('link', 'rhumb:diagnostics');
    },
  });
  await pageListens();
  expect(places(window())).toEqual(['/diagnostics']);
});

test('a link that names no place shows the window and nothing else', async () => {
  const { shell, window, pageListens, called } = await start();
  await pageListens();
  window()?.hide();
  shell.tell('link', 'rhumb:login.start?authKey=x');
  expect([window()?.isVisible(), places(window()), called]).toEqual([true, [], []]);
});

test('a page that was loaded again is told of nothing that the one before asked for', async () => {
  const { window, desk, pageListens, shell } = await start();
  await pageListens();
  window()?.crash('crashed');
  shell.tell('link', 'rhumb:devices');
  expect(places(window())).toEqual([]);
  await pageListens();
  desk.become(SNAPSHOTS.on);
  expect(places(window())).toEqual(['/devices']);
  expect(window()?.sent.filter(({ name }) => name === 'patch')).toHaveLength(1);
});

test('only the first instance goes on, sandboxed and known to its system, before anything is shown', async () => {
  const shell = new FakeShell();
  const system = { argv: ['rhumb'] } as unknown as System;
  expect(prepare(shell, system)).toBeDefined();
  expect(shell.did).toEqual(expect.arrayContaining(['sandbox', 'model io.rhumb.desktop', 'scheme app']));
  shell.isFirst = false;
  expect(prepare(shell, system)).toBeUndefined();
});

test('the window shows our page and knows its host', async () => {
  const { window, shell } = await start();
  expect(window()?.loaded).toBe('app://ui/');
  const [argument = ''] = window()?.options.webPreferences.additionalArguments ?? [];
  expect(JSON.parse(decodeURIComponent(argument.slice(argument.indexOf('=') + 1)))).toEqual({
    kind: 'electron',
    can: ['service', 'notifications', 'login-item', 'terminal', 'window', 'tray', 'forwarding'],
    platform: 'linux',
    version: '1.2.3',
    trayHost: 'KDE Plasma',
  });
  expect(shell.rules?.mayNavigate('https://x.example/')).toBe(false);
});

test('starts anew when there is a newer one on disk, and only then', async () => {
  const { shell, call } = await start();
  for (const version of ['1.2.3', '1.2.2', undefined]) {
    shell.versionOnDisk = version;
    expect(await call('service.status')).toMatchObject({ value: { isAppReplaced: false } });
    expect(await call('app.relaunch')).toMatchObject({ ok: false, code: 'conflict' });
  }
  shell.versionOnDisk = '1.3.0';
  expect(await call('service.status')).toEqual({
    ok: true,
    value: { isAtBoot: false, lines: ['one'], isAppReplaced: true },
  });
  await call('app.relaunch');
  expect(shell.did).toContain('relaunch ');
});

test('the page hears what the helper says while it works, and of which call', async () => {
  const { called, call, window } = await start();
  await call('state.get');
  await call('service.start', { atBoot: true });
  await call('service.start', { atBoot: false });
  expect(called).toEqual([
    ['service', 'install'],
    ['service', 'start'],
  ]);
  expect(window()?.sent.filter(({ name }) => name === 'operation')).toEqual([
    { name: 'operation', value: { call: 'service.start', line: 'doing install' } },
    { name: 'operation', value: { call: 'service.start', line: 'doing start' } },
  ]);
});

test('with a tray a closed window only hides, and the daemon is asked less', async () => {
  const { window, shell, desk } = await start();
  window()?.userCloses();
  expect([window()?.isClosed, window()?.isVisible(), desk.isWatched]).toEqual([false, false, false]);
  expect(shell.did).not.toContain('quit');
});

test('without a tray closing ends the program, and the network stays', async () => {
  const { window, shell, desk, called } = await start({ hasTray: false });
  window()?.userCloses();
  expect(window()?.isClosed).toBe(true);
  shell.tell('all-closed');
  await settle();
  expect([desk.isClosed, called, shell.did.at(-1)]).toEqual([true, [], 'quit']);
});

test('started at login it stays hidden where a tray can bring it back', async () => {
  const { shell, tray, desk } = await start({ argv: ['rhumb', '--hidden'] });
  expect([shell.windows, desk.isWatched]).toEqual([[], false]);
  tray()?.click();
  expect(shell.windows).toHaveLength(1);
});

test('started at login it waits for a tray that is still on its way', async () => {
  const { shell, tray, host, clock } = await start({ argv: ['rhumb', '--hidden'], hasTray: false });
  host.isThere = true;
  await clock.advance(15_000);
  expect([shell.windows, tray()?.tooltip]).toEqual([[], 'Rhumb: Starting…']);
});

test('started at login where there is no tray it shows its window, or nobody could', async () => {
  const { window, clock } = await start({ argv: ['rhumb', '--hidden'], hasTray: false });
  expect(window()).toBeUndefined();
  await clock.advance(10_000);
  expect(window()?.isVisible()).toBe(true);
});

test('a tray that goes while the window is hidden brings the window back, and one that comes is used', async () => {
  const { window, host, clock, tray } = await start();
  window()?.userCloses();
  host.isThere = false;
  await clock.advance(31_000);
  expect([tray()?.isDestroyed, window()?.isVisible()]).toEqual([true, true]);
  host.isThere = true;
  await clock.advance(31_000);
  expect(tray()?.isDestroyed).toBe(false);
});

test('while nothing happens it only looks, now and then, whether the tray still has a place', async () => {
  const { clock } = await start({ argv: ['rhumb', '--hidden'] });
  await clock.advance(60_000);
  expect(clock.pending).toBe(1);
});

test('the desktop’s own switch for starting at login is what counts', async () => {
  const { settings, shell } = await start({ isLoginItem: true });
  expect(settings.settings.startAtLogin).toBe(true);
  await settings.edit({ startHidden: false });
  await settings.edit({ theme: 'dark' });
  await settings.edit({ startAtLogin: false });
  expect(shell.did.filter((one) => one.startsWith('login-item'))).toEqual([
    'login-item true',
    'login-item false',
  ]);
});

test('the tray’s entries are the page’s calls', async () => {
  const { tray, desk, called, clock } = await start();
  desk.become(SNAPSHOTS.on);
  await clock.advance(500);
  tray()?.choose('disconnect');
  tray()?.choose('exit.own.exit');
  tray()?.choose('self');
  await settle();
  expect(called).toEqual([
    ['prefs.edit', { wantRunning: false }],
    ['exitNode.set', { id: 'exit', auto: false }],
    ['clipboard.write', { text: '100.64.0.1' }],
  ]);
});

test('who may only look changes nothing, also from the tray', async () => {
  const { tray, desk, called, clock } = await start();
  desk.become({ ...SNAPSHOTS.on, link: { kind: 'ready', rights: 'readonly' } });
  await clock.advance(500);
  tray()?.choose('disconnect');
  await settle();
  expect(called).toEqual([]);
});

test('the tray is told only of what changed, and not more than twice a second', async () => {
  const { tray, desk, clock } = await start();
  const before = tray()?.menus.length ?? 0;
  for (let n = 0; n < 20; n++) desk.become(n % 2 === 0 ? SNAPSHOTS.connecting : SNAPSHOTS.on);
  await clock.advance(5_000);
  expect((tray()?.menus.length ?? 0) - before).toBeLessThanOrEqual(2);
  const menus = tray()?.menus.length;
  desk.become(SNAPSHOTS.on);
  await clock.advance(5_000);
  expect(tray()?.menus.length).toBe(menus);
  expect(tray()?.tooltip).toBe('Rhumb: Connected');
});

test('disconnect and quit does both, in that order', async () => {
  const { tray, desk, called, clock, shell } = await start();
  desk.become(SNAPSHOTS.on);
  await clock.advance(500);
  tray()?.choose('quit.disconnect');
  await settle();
  await settle();
  expect(called).toEqual([['prefs.edit', { wantRunning: false }]]);
  expect(shell.did.at(-1)).toBe('quit');
  expect(tray()?.isDestroyed).toBe(true);
});

test('disconnect and quit stays when it could not disconnect, and shows why', async () => {
  const fail = (): never => {
    throw new RhumbError('unavailable', 'the service does not answer');
  };
  const { tray, desk, clock, shell, window } = await start({ handlers: { 'prefs.edit': fail } });
  desk.become(SNAPSHOTS.on);
  window()?.hide();
  await clock.advance(500);
  tray()?.choose('quit.disconnect');
  await settle();
  expect([shell.did.includes('quit'), window()?.isVisible()]).toEqual([false, true]);
});

test('a mark in the menu that was clicked in vain is put back', async () => {
  const refuse = (): never => {
    throw new RhumbError('not-allowed', 'an administrator decides that');
  };
  const { tray, desk, clock } = await start({ handlers: { 'prefs.edit': refuse } });
  desk.become(SNAPSHOTS.on);
  await clock.advance(500);
  const menus = tray()?.menus.length ?? 0;
  tray()?.choose('routes');
  await clock.advance(500);
  expect((tray()?.menus.length ?? 0) - menus).toBe(1);
  await clock.advance(5_000);
  expect((tray()?.menus.length ?? 0) - menus).toBe(1);
});

test('ending takes no longer than a second when something hangs', async () => {
  const { shell, clock, desk } = await start();
  desk[Symbol.asyncDispose] = () => new Promise(() => undefined);
  shell.app.quit();
  await settle();
  expect(shell.did).not.toContain('quit');
  await clock.advance(1_000);
  expect(shell.did.at(-1)).toBe('quit');
});

test('it ends also when what it closes fails', async () => {
  const { shell, desk } = await start();
  desk[Symbol.asyncDispose] = () => Promise.reject(new Error('the stream would not close'));
  shell.app.quit();
  await settle();
  await settle();
  expect(shell.did.at(-1)).toBe('quit');
});

test('a page is heard over IPC, in cloned values, and told what changes', async () => {
  const { shell, window, desk, called } = await start();
  desk.become(SNAPSHOTS.on);
  expect(await shell.invoke(CALL_CHANNEL, {}, 'prefs.edit', { wantRunning: true })).toEqual({
    ok: true,
    value: undefined,
  });
  expect(called).toEqual([['prefs.edit', { wantRunning: true }]]);
  expect(window()?.sent).toContainEqual({
    name: 'patch',
    value: { seq: 1, patch: { top: { state: 'Running' } } },
  });
  expect(await shell.invoke(CALL_CHANNEL, {}, 'prefs.edit', { wantRunning: 'yes' })).toMatchObject({
    code: 'bad-argument',
  });
  expect(await shell.invoke(CALL_CHANNEL, { windowId: 9 }, 'prefs.edit', {})).toMatchObject({
    code: 'not-allowed',
  });
});

test('a setting takes effect at once: theme, login item, language, tray', async () => {
  const { settings, shell, window, tray, clock } = await start();
  await settings.edit({ theme: 'dark', startAtLogin: true, language: 'de' });
  await clock.advance(1_000);
  expect([shell.theme, shell.isLoginItem]).toEqual(['dark', true]);
  expect(tray()?.tooltip).toBe('Rhumb: Wird gestartet…');
  expect(window()?.sent.at(-1)).toMatchObject({ name: 'gui', value: { theme: 'dark', language: 'de' } });
  await settings.edit({ trayIcon: 'off' });
  await settle();
  expect(tray()?.isDestroyed).toBe(true);
});

test('a notification’s button does what it says', async () => {
  const { shell, desk, window, clock, called } = await start();
  desk.become(SNAPSHOTS.on);
  window()?.hide();
  await clock.advance(6_000);
  desk.become(SNAPSHOTS['exit-broken']);
  await clock.advance(600);
  const [notice] = shell.notices;
  expect(notice).toMatchObject({
    title: 'Internet blocked',
    isLasting: true,
    actions: ['Stop using', 'Pick another'],
  });
  notice?.onAction(0);
  await settle();
  expect(called).toEqual([['exitNode.set', { id: '', auto: false }]]);
  desk.become(SNAPSHOTS.on);
  await clock.advance(600);
});

test('a notification that can not be shown leaves a dot on the tray', async () => {
  const { shell, desk, window, clock, tray } = await start();
  desk.become(SNAPSHOTS.on);
  window()?.hide();
  await clock.advance(6_000);
  desk.become(SNAPSHOTS['exit-broken']);
  await clock.advance(600);
  shell.notices[0]?.onFailed('not signed');
  await clock.advance(600);
  expect(tray()?.image).toMatch(/blocked-attention-colour\.png$/);
});

test('a page that dies is loaded again once, and then somebody is asked', async () => {
  const { window, shell, clock } = await start();
  window()?.crash('crashed');
  expect(window()?.reloads).toBe(1);
  await clock.advance(5_000);
  window()?.crash('oom');
  await settle();
  await settle();
  expect(window()?.reloads).toBe(1);
  expect(shell.did.at(-1)).toBe('quit');
});

test('where the window was is kept', async () => {
  const { window, settings, clock } = await start();
  window()?.moveTo({ x: 50, y: 60, width: 800, height: 700 });
  await clock.advance(500);
  expect(settings.window).toEqual({ x: 50, y: 60, width: 800, height: 700, isMaximized: false });
});

test('after a suspend everything is looked at again', async () => {
  const { shell, desk } = await start();
  shell.tell('suspend');
  expect(desk.isWatched).toBe(false);
  shell.tell('resume');
  expect([desk.isWatched, desk.refreshes]).toEqual([true, 1]);
});

test('a graphics process that crashes starts the program once more without it', async () => {
  const { shell } = await start();
  shell.tell('gpu-gone', 'crashed');
  expect(shell.did).toContain('relaunch --disable-gpu');
  const again = await start({ argv: ['rhumb', '--disable-gpu'] });
  again.shell.tell('gpu-gone', 'crashed');
  again.shell.tell('gpu-gone', 'clean-exit');
  expect(again.shell.did).not.toContain('relaunch --disable-gpu');
});
