/** Starts the desktop program in a real Electron, as a person would, with a folder of its own; and says why it can't. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import { test } from 'vitest';
import { bundleApp } from '../../tools/package/app-bundle.ts';
import { findElectron } from '../../tools/package/find-electron.ts';

const ROOT = join(import.meta.dirname, '../..');
const electron = findElectron();

function whyNot(): string | undefined {
  if (electron === undefined) return 'no Electron binary here';
  if (!existsSync(join(ROOT, 'dist/app/index.html'))) return 'dist/app is not built';
  const { DISPLAY, WAYLAND_DISPLAY } = process.env;
  const hasDisplay = process.platform !== 'linux' || (DISPLAY ?? WAYLAND_DISPLAY ?? '') !== '';
  return hasDisplay ? undefined : 'no display: run it with xvfb-run';
}
const reason = whyNot();
if (reason !== undefined) console.log(`the desktop program is not tried in Electron: ${reason}`);

/** A test that needs Electron; reported as skipped, with the reason, where there is none. */
export const inElectron = (name: string, run: (skip: (why: string) => never) => Promise<void>): void =>
  test(name, async ({ skip }) => {
    skip(reason !== undefined, reason);
    await run((why) => skip(why));
  });

/** Once for all tests of a run. */
let bundled: Promise<void> | undefined;

export class Program implements AsyncDisposable {
  readonly app: ElectronApplication;
  readonly page: Page;
  readonly folder: string;
  readonly #args: readonly string[];

  private constructor(app: ElectronApplication, page: Page, folder: string, args: readonly string[]) {
    this.app = app;
    this.page = page;
    this.folder = folder;
    this.#args = args;
  }

  static async start(settings: object = {}, more: readonly string[] = []): Promise<Program> {
    if (electron === undefined) throw new Error('no Electron binary here');
    bundled ??= bundleApp(join(ROOT, 'dist'));
    await bundled;
    const folder = mkdtempSync(join(tmpdir(), 'rhumb-electron-'));
    writeFileSync(join(folder, 'settings.json'), JSON.stringify({ version: 1, ...settings }));
    const args = [ROOT, `--user-data-dir=${folder}`, `--socket=${join(folder, 'none.sock')}`, ...more];
    // Root has no user namespaces to sandbox with; everybody else runs with the sandbox on.
    if (process.getuid?.() === 0) {
      args.push('--no-sandbox');
      console.log('the desktop program runs with --no-sandbox: this is root');
    }
    const app = await _electron.launch({
      executablePath: electron,
      args,
      env: { ...process.env, LANG: 'en_GB.UTF-8' },
    });
    return new Program(app, await app.firstWindow(), folder, args);
  }

  /** A second start with the same folder; resolves with its exit code. */
  async startAgain(...more: readonly string[]): Promise<number | null> {
    if (electron === undefined) throw new Error('no Electron binary here');
    const child = spawn(electron, [...this.#args, ...more], { stdio: 'ignore' });
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  }

  /** A call of the page, by the bridge that it has. */
  async call(name: string, arg?: unknown): Promise<unknown> {
    return await this.page.evaluate(
      ([called, value]) =>
        (
          globalThis as unknown as { rhumb: { call: (n: unknown, a: unknown) => Promise<unknown> } }
        ).rhumb.call(called, value),
      [name, arg] as const,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close().catch(() => undefined); // it may have ended by itself, as the test wanted
    rmSync(this.folder, { recursive: true, force: true });
  }
}
