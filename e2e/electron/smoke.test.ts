/** The desktop program in a real Electron: the security list as far as only Electron can prove it, window, tray, one instance. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { programRunner } from '../../src-main/service/run.ts';
import { hasTrayHost } from '../../src-main/tray/host.ts';
import { findInstalled } from '../../tools/package/find-electron.ts';
import { readFuses, WANTED_FUSES } from '../../tools/package/fuses.ts';
import { inElectron, Program } from './launch.ts';

/** Puts a script into the page, as somebody would who found a way to. */
const INJECT = `(() => {
  try {
    const script = document.createElement('script');
    script.textContent = 'window.pwned = true';
    document.body.append(script);
  } catch {
    return 'refused';
  }
  return 'pwned' in window ? 'ran' : 'refused';
})()`;

const ASK = `(async () => [
  (await navigator.permissions.query({ name: 'geolocation' })).state,
  await Notification.requestPermission(),
  await navigator.mediaDevices.getUserMedia({ audio: true }).then(() => 'granted', () => 'denied'),
])()`;

const REACH = `Promise.all([
  fetch('https://example.com/').then(() => 'fetched', () => 'refused'),
  new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve('loaded');
    image.onerror = () => resolve('refused');
    image.src = 'http://127.0.0.1:9/x.png';
  }),
])`;

inElectron('S1: the page has no Node, and its window is isolated and sandboxed', async () => {
  await using program = await Program.start();
  const { app, page } = program;
  expect(
    await page.evaluate(() =>
      ['process', 'require', 'module', 'Buffer', 'global'].filter((name) => name in globalThis),
    ),
  ).toEqual([]);
  const options = await app.evaluate(({ BrowserWindow }) => {
    const [window] = BrowserWindow.getAllWindows();
    const contents = window?.webContents as unknown as {
      getLastWebPreferences: () => Record<string, unknown>;
    };
    const { contextIsolation, sandbox, nodeIntegration, webSecurity } = contents.getLastWebPreferences();
    return { contextIsolation, sandbox, nodeIntegration, webSecurity };
  });
  expect(options).toEqual({
    contextIsolation: true,
    sandbox: true,
    nodeIntegration: false,
    webSecurity: true,
  });
});

inElectron('S2: the page is ours, by our own protocol, which serves nothing else', async () => {
  await using program = await Program.start();
  expect(program.page.url()).toMatch(/^app:\/\/ui\//);
  const statuses = await program.app.evaluate(async ({ net }) => {
    const paths = ['', 'nothing.js', '..%2f..%2fpackage.json', '%2e%2e/%2e%2e/package.json', 'a%00.js'];
    return await Promise.all(paths.map(async (path) => (await net.fetch(`app://ui/${path}`)).status));
  });
  expect(statuses).toEqual([200, 404, 404, 404, 404]);
});

inElectron('S3: a script that is put into the page does not run', async () => {
  await using program = await Program.start();
  expect(await program.page.evaluate(INJECT)).toBe('refused');
  const policy = await program.app.evaluate(
    async ({ net }) => (await net.fetch('app://ui/')).headers.get('content-security-policy') ?? '',
  );
  expect(policy).toContain("require-trusted-types-for 'script'");
});

inElectron('S4: the page can not leave and opens nothing', async () => {
  await using program = await Program.start();
  const { app, page } = program;
  for (const url of ['https://example.com/', 'file:///etc/passwd', 'app://ui/other', 'about:blank']) {
    await page.evaluate(`void window.open('${url}')`);
    await page.evaluate(`void location.assign('${url}')`);
    expect(page.url(), url).toMatch(/^app:\/\/ui\/(?:#.*)?$/);
  }
  expect(app.windows()).toHaveLength(1);
});

inElectron('S5: the page gets no permission', async () => {
  await using program = await Program.start();
  const answers = await program.page.evaluate(ASK);
  expect(answers).toEqual(['denied', 'denied', 'denied']);
});

inElectron('S6: the page reaches no network', async () => {
  await using program = await Program.start();
  const reached = await program.page.evaluate(REACH);
  expect(reached).toEqual(['refused', 'refused']);
});

inElectron('S7: another window is not heard, although it shows our page', async () => {
  await using program = await Program.start();
  expect(await program.call('gui.get')).toMatchObject({ theme: 'system' });
  const preload = join(import.meta.dirname, '../../dist/preload/preload.cjs');
  const answer = await program.app.evaluate(async ({ BrowserWindow }, file) => {
    const other = new BrowserWindow({ show: false, webPreferences: { preload: file, sandbox: true } });
    await other.loadURL('app://ui/');
    const said: unknown = await other.webContents.executeJavaScript(
      "window.rhumb.call('gui.get').then(() => 'heard', ({ code }) => code)",
    );
    other.destroy();
    return said;
  }, preload);
  expect(answer).toBe('not-allowed');
});

inElectron('S10: the fuses of the packed program close every way to run other code with it', async (skip) => {
  const installed = findInstalled() ?? skip('no packed program is installed here');
  expect(readFuses(installed)).toEqual(WANTED_FUSES);
});

inElectron('S11: there is no menu that opens developer tools', async () => {
  await using program = await Program.start();
  expect(
    await program.app.evaluate(({ BrowserWindow, Menu }) => [
      Menu.getApplicationMenu() === null,
      BrowserWindow.getAllWindows().some((one) => one.webContents.isDevToolsOpened()),
    ]),
  ).toEqual([true, false]);
});

inElectron('S22: from start to end it opens no connection', async () => {
  const program = await Program.start({}, []);
  const log = join(program.folder, 'net.json');
  try {
    await program.app.evaluate(async ({ netLog }, path) => await netLog.startLogging(path), log);
    await program.page.reload();
    await program.call('state.get');
    await program.app.evaluate(async ({ netLog }) => await netLog.stopLogging());
    const { constants, events } = JSON.parse(readFileSync(log, 'utf8')) as {
      constants: { logEventTypes: Record<string, number> };
      events: readonly { type: number; params?: unknown }[];
    };
    const kinds = ['TCP_CONNECT_ATTEMPT', 'UDP_CONNECT', 'HOST_RESOLVER_MANAGER_REQUEST'];
    const connecting = kinds.map((name) => constants.logEventTypes[name]);
    expect(events.filter(({ type }) => connecting.includes(type))).toEqual([]);
  } finally {
    await program[Symbol.asyncDispose]();
  }
});

inElectron('a machine without a daemon gets a window that says so', async () => {
  await using program = await Program.start();
  await program.page.getByRole('heading', { level: 1 }).first().waitFor();
  expect(await program.page.evaluate('document.body.innerText')).toContain('service');
});

inElectron('a second start ends at once, shows the first, and its link is followed', async () => {
  await using program = await Program.start({ onClose: 'hide' });
  const { app, page } = program;
  const isVisible = (): Promise<boolean | undefined> =>
    app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.isVisible());
  await program.call('state.get');
  await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close());
  expect(await isVisible()).toBe(false);
  expect(await program.startAgain('rhumb:settings')).toBe(0);
  await page.waitForFunction("location.hash === '#/settings'");
  expect(await isVisible()).toBe(true);
  expect(app.windows()).toHaveLength(1);
});

inElectron('closing the window ends the program where it is set so', async () => {
  await using program = await Program.start({ onClose: 'quit' });
  const ended = program.app.waitForEvent('close');
  await program.app
    .evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close())
    .catch(() => undefined); // it may be gone before it answers
  await ended;
});

inElectron('a theme that is chosen is the page’s and the system’s', async () => {
  await using program = await Program.start();
  for (const theme of ['dark', 'light'] as const) {
    await program.call('gui.edit', { theme });
    expect(await program.app.evaluate(({ nativeTheme }) => nativeTheme.themeSource)).toBe(theme);
    await program.page.waitForFunction(`matchMedia('(prefers-color-scheme: ${theme})').matches`);
  }
});

inElectron('the tray’s model reaches the tray', async (skip) => {
  if (!(await hasTrayHost(process.platform, programRunner(process.env)))) skip('no tray on this desktop');
  await using program = await Program.start({ trayIcon: 'off' });
  await program.app.evaluate(({ Tray }) => {
    const seen: { menu?: readonly string[]; tooltip?: string } = {};
    (globalThis as unknown as { seen: typeof seen }).seen = seen;
    const { setContextMenu, setToolTip } = Tray.prototype;
    Tray.prototype.setContextMenu = function (this: Electron.Tray, menu) {
      seen.menu = menu?.items.map(({ label }) => label) ?? [];
      setContextMenu.call(this, menu);
    };
    Tray.prototype.setToolTip = function (this: Electron.Tray, text) {
      seen.tooltip = text;
      setToolTip.call(this, text);
    };
  });
  await program.call('gui.edit', { trayIcon: 'colour' });
  const seen = await program.app.evaluate(
    () => (globalThis as unknown as { seen: { menu?: readonly string[]; tooltip?: string } }).seen,
  );
  expect(seen.tooltip).toMatch(/^Rhumb: /);
  expect(seen.menu).toEqual(expect.arrayContaining(['Open Rhumb', 'Quit']));
});
