/** A page's side of the IPC bridge: the real preload in a sandbox like Electron's, and behind it the real callers of main. */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { z } from 'zod';
import { CAPABILITIES, type EventName, type ValueOf } from '#shared/bridge/contract.ts';
import { Dispatcher } from '#shared/bridge/dispatch.ts';
import { NEW_GUI_SETTINGS } from '#shared/bridge/new-settings.ts';
import { CODES, type Reply } from '#shared/bridge/values.ts';
import { tellChanges } from '#shared/desk/view.ts';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import type { Rights } from '#shared/ui-state/types.ts';
import { VERSION } from '#shared/version.ts';
import { PageCaller } from '../../src-main/calls/page-caller.ts';
import { openDaemon } from '../../src-main/link/daemon.ts';
import { EVENT_CHANNEL, HOST_CHANNEL } from '../../src-main/product.ts';
import { webPreferences } from '../../src-main/security/policy.ts';
import type { WindowOptions } from '../../src-main/shell.ts';
import { FakeShell, FakeWindow } from '../../src-main/testing/fake-shell.ts';
import type { PageSide } from './pages.ts';

const failure = z.object({ code: z.enum(CODES), message: z.string() });

interface Exposed {
  readonly call: (name: string, arg?: unknown) => Promise<unknown>;
  readonly on: (name: string, listener: (value: never) => void) => () => void;
}

const WINDOW: WindowOptions = {
  title: '',
  bounds: { width: 960, height: 680 },
  minWidth: 360,
  minHeight: 520,
  background: '',
  icon: undefined,
  webPreferences: webPreferences('', true, []),
};

type Push = (event: unknown, name: string, value: unknown) => void;

/** Whatever main sends goes to the page at once. */
class PageWindow extends FakeWindow {
  push: Push = () => undefined;
  override send(_channel: string, name: string, value: unknown): void {
    this.push({}, name, structuredClone(value));
  }
}

export async function openIpcPage(preload: string, socketPath: string, rights: Rights): Promise<PageSide> {
  const clock = systemClock();
  const shell = new FakeShell();
  let settings = NEW_GUI_SETTINGS;
  const { desk, handlers } = openDaemon({
    socketPath,
    system: { clock, log: silent, platform: process.platform },
    service: { state: async () => 'running' },
    settings: {
      get settings() {
        return settings;
      },
      edit: async (change) => {
        settings = { ...settings, ...change };
        return settings;
      },
    },
    version: VERSION,
    ignoreOwner: true,
    checkOwner: async () => undefined,
    host: { writeClipboard: shell.writeClipboard },
  });
  const callers = new PageCaller({
    shell,
    dispatcher: new Dispatcher(handlers, clock),
    rights: () => rights,
    log: silent,
    told: (caller) => tellChanges(desk, caller),
  });
  const window = new PageWindow(1, WINDOW);
  callers.attach(window);
  const { call, on } = expose(preload, shell, window);
  return {
    call: async (name, arg): Promise<Reply> => {
      try {
        return { ok: true, value: await call(name, arg) };
      } catch (error) {
        return { ok: false, ...failure.parse(error) };
      }
    },
    on: <K extends EventName>(name: K, listener: (value: ValueOf<K>) => void) => on(name, listener),
    [Symbol.asyncDispose]: async () => {
      callers.detach();
      await desk[Symbol.asyncDispose]();
    },
  };
}

/** Runs the preload; everything that it and main say to each other is cloned, as IPC does. */
function expose(file: string, shell: FakeShell, window: PageWindow): Exposed {
  let exposed: Exposed | undefined;
  const electron = {
    contextBridge: {
      exposeInMainWorld: (_name: string, api: Exposed) => {
        exposed = api;
      },
    },
    ipcRenderer: {
      invoke: (channel: string, ...args: unknown[]) => shell.invoke(channel, {}, ...args),
      on: (channel: string, listener: Push) => {
        if (channel === EVENT_CHANNEL) window.push = listener;
      },
    },
  };
  const host = { kind: 'electron', can: CAPABILITIES, platform: process.platform, version: VERSION };
  runInNewContext(readFileSync(file, 'utf8'), {
    require: (name: string) => {
      if (name !== 'electron') throw new Error(`the sandbox has no ${name}`);
      return electron;
    },
    exports: {},
    module: { exports: {} },
    process: { argv: ['electron', `--${HOST_CHANNEL}=${encodeURIComponent(JSON.stringify(host))}`] },
    decodeURIComponent,
  });
  if (exposed === undefined) throw new Error('the preload exposed nothing');
  return exposed;
}
