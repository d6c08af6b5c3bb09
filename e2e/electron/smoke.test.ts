/** The desktop program in a real Electron: isolation, protocol, navigation, one instance. Skipped, and said so, where there is none. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleApp } from '../../tools/package/app-bundle.ts';
import { findElectron } from '../../tools/package/find-electron.ts';

const ROOT = join(import.meta.dirname, '../..');
const electron = findElectron();
const reason =
  electron === undefined
    ? 'no Electron binary here'
    : existsSync(join(ROOT, 'dist/app/index.html'))
      ? undefined
      : 'dist/app is not built';
if (reason !== undefined) console.log(`electron smoke tests skipped: ${reason}`);

/** Puts a script into the page, as somebody would who found a way to. */
const INJECT = `(() => {
  try {
    const script = document.createElement('script');
    script.textContent = 'window.pwned = true';
    document.body.append(script);
  } catch {
    return 'refused';
  }
  return 'pwned' in window;
})()`;

let app: ElectronApplication;
let page: Page;
let userData = '';

beforeAll(async () => {
  if (reason !== undefined || electron === undefined) return;
  await bundleApp(join(ROOT, 'dist'));
  userData = mkdtempSync(join(tmpdir(), 'rhumb-electron-'));
  const args = [ROOT, `--user-data-dir=${userData}`, '--socket=/nonexistent/rhumbd.sock'];
  // Root has no user namespaces to sandbox with; everybody else runs with the sandbox on.
  if (process.getuid?.() === 0) args.push('--no-sandbox');
  app = await _electron.launch({
    executablePath: electron,
    args,
    env: { ...process.env, LANG: 'en_GB.UTF-8' },
  });
  page = await app.firstWindow();
});

afterAll(async () => {
  await app?.close();
  if (userData !== '') rmSync(userData, { recursive: true, force: true });
});

describe.skipIf(reason !== undefined)('in Electron', () => {
  test('S1 the page has no Node', async () => {
    expect(await page.evaluate(() => [typeof globalThis.process, 'require' in globalThis])).toEqual([
      'undefined',
      false,
    ]);
  });
  test('S2 the page is ours, by our own protocol', () => {
    expect(page.url()).toMatch(/^app:\/\/ui\//);
  });
  test('S3 a script that is put into the page does not run', async () => {
    const ran = await page.evaluate(INJECT);
    expect([false, 'refused']).toContain(ran);
  });
  test('S4 the page can not leave and opens nothing', async () => {
    await page.evaluate("void window.open('https://example.com/')");
    await page.evaluate("void location.assign('https://example.com/')");
    expect(page.url()).toMatch(/^app:\/\/ui\//);
    expect(app.windows()).toHaveLength(1);
  });
  test('S6 the page reaches no network', async () => {
    const result = await page.evaluate(() =>
      fetch('https://example.com/').then(
        () => 'reached',
        () => 'refused',
      ),
    );
    expect(result).toBe('refused');
  });
  test('a machine without a daemon gets a window that says so', async () => {
    expect(await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
  });
});
