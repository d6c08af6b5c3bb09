/** The desktop program's two bundles: what is in them, and what the preload lets a page have (desktop.md §13 S9). */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleApp } from '../../tools/package/app-bundle.ts';

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rhumb-app-'));
  await bundleApp(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Exposed = Readonly<Record<string, unknown>> & {
  readonly call: (name: string, arg?: unknown) => Promise<unknown>;
  readonly on: (name: string, listener: unknown) => () => void;
};

/** Runs the preload as Electron's sandbox does: `require` knows Electron alone. */
function load(reply: unknown = { ok: true, value: 7 }) {
  const invoked: unknown[][] = [];
  let world: { readonly name: string; readonly api: Exposed } | undefined;
  let push: (event: unknown, name: string, value: unknown) => void = () => undefined;
  const electron = {
    contextBridge: {
      exposeInMainWorld: (name: string, api: Exposed) => {
        world = { name, api };
      },
    },
    ipcRenderer: {
      invoke: async (...args: unknown[]) => {
        invoked.push(args);
        return structuredClone(reply);
      },
      on: (_channel: string, listener: typeof push) => {
        push = listener;
      },
    },
  };
  const host = { kind: 'electron', can: [], platform: 'linux', version: '1.2.3' };
  runInNewContext(readFileSync(join(folder, 'preload/preload.cjs'), 'utf8'), {
    require: (name: string) => {
      if (name !== 'electron') throw new Error(`the sandbox has no ${name}`);
      return electron;
    },
    exports: {},
    module: { exports: {} },
    process: { argv: ['electron', `--rhumb:host=${encodeURIComponent(JSON.stringify(host))}`] },
    decodeURIComponent,
  });
  if (world === undefined) throw new Error('the preload exposed nothing');
  return {
    ...world,
    invoked,
    push: (name: string, value: unknown) => push({ sender: 'secret' }, name, value),
  };
}

test('S9: the preload is one small file that gives a page three things and no channel', () => {
  expect(readdirSync(join(folder, 'preload'))).toEqual(['preload.cjs']);
  expect(readFileSync(join(folder, 'preload/preload.cjs')).length).toBeLessThanOrEqual(4_096);
  const { name, api } = load();
  expect(name).toBe('rhumb');
  expect(Object.keys(api).sort()).toEqual(['call', 'host', 'on']);
  expect(JSON.parse(JSON.stringify(api['host']))).toEqual({
    kind: 'electron',
    can: [],
    platform: 'linux',
    version: '1.2.3',
  });
});

test('S9: only calls and events of the table pass, and a listener gets the value alone', async () => {
  const { api, invoked, push } = load();
  await expect(api.call('prefs.edit', { wantRunning: true })).resolves.toBe(7);
  expect(invoked).toEqual([['rhumb:call', 'prefs.edit', { wantRunning: true }]]);
  await expect(api.call('constructor')).rejects.toMatchObject({ code: 'bad-argument' });
  await expect(api.call('ipc-internal')).rejects.toMatchObject({ code: 'bad-argument' });
  expect(invoked).toHaveLength(1);
  const heard: unknown[][] = [];
  const stop = api.on('navigate', (...args: unknown[]) => heard.push(args));
  api.on('nonsense', (...args: unknown[]) => heard.push(args));
  push('navigate', '/devices');
  push('nonsense', 1);
  stop();
  push('navigate', '/settings');
  expect(heard).toEqual([['/devices']]);
});

test('a call that fails rejects with its code', async () => {
  const { api } = load({ ok: false, code: 'not-allowed', message: 'no' });
  await expect(api.call('logout')).rejects.toMatchObject({ code: 'not-allowed', message: 'no' });
});

test('the main process is one module that needs Electron and its updater, and no native code', () => {
  const files = readdirSync(join(folder, 'main'));
  expect(files).toContain('main.js');
  const needed = new Set<string>();
  for (const file of files)
    for (const [, name = ''] of readFileSync(join(folder, 'main', file), 'utf8').matchAll(
      /^(?:import|export)\b[^'"]*["']([^'"./][^'"]*)["']/gm,
    ))
      if (!name.startsWith('node:')) needed.add(name);
  expect(
    [...needed].filter(
      (name) => !['electron', 'electron-updater'].includes(name) && !/^[a-z_/]+$/.test(name),
    ),
  ).toEqual([]);
  expect(files.join(' ')).not.toMatch(/\.node\b/);
  expect([...needed]).not.toContain('koffi');
});
