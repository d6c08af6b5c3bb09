/** What serves all pages that are open: one desk that follows this very daemon, while there is somebody to look. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '#shared/async/clock.ts';
import { type Caller, Dispatcher } from '#shared/bridge/dispatch.ts';
import { deskCalls } from '#shared/desk/calls/all.ts';
import { Desk } from '#shared/desk/desk.ts';
import { tellChanges } from '#shared/desk/view.ts';
import type { Log } from '#shared/log/log.ts';
import { localNetworks } from '#shared/node/local-networks.ts';
import { LocalApi } from '#shared/node/localapi-client.ts';
import type { OpenProbes } from '#shared/probing/probes.ts';
import { VERSION } from '#shared/version.ts';
import { guiMemory } from './gui-memory.ts';

export interface RoomOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Of this daemon's own local API. */
  readonly socketPath: string;
  readonly openProbes: OpenProbes;
}

/** A page that is loaded again comes back within it. */
const LINGER_MS = 30_000;

interface Open {
  readonly api: LocalApi;
  readonly desk: Desk;
  readonly dispatcher: Dispatcher;
}

export class Room implements AsyncDisposable {
  readonly #options: RoomOptions;
  readonly #gui = guiMemory();
  #open: Open | undefined;
  #guests = 0;
  #cancelEnd: (() => void) | undefined;
  #ending: Promise<void> = Promise.resolve();

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** Tells the caller of changes and answers his calls, until his signal aborts. */
  serve(caller: Caller): Pick<Dispatcher, 'run'> {
    this.#cancelEnd?.();
    this.#cancelEnd = undefined;
    this.#open ??= this.#start();
    const { desk, dispatcher } = this.#open;
    this.#guests++;
    caller.signal.addEventListener('abort', () => this.#left(), { once: true });
    tellChanges(desk, caller);
    return dispatcher;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancelEnd?.();
    this.#end();
    await this.#ending;
  }

  #left(): void {
    this.#guests--;
    if (this.#guests === 0) this.#cancelEnd = this.#options.clock.after(LINGER_MS, () => this.#end());
  }

  #end(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    this.#ending = open.desk[Symbol.asyncDispose]().then(() => open.api[Symbol.dispose]());
  }

  #start(): Open {
    const { clock, log, socketPath, openProbes } = this.#options;
    const api = new LocalApi({ socketPath, clock });
    const desk = new Desk({
      api,
      clock,
      log,
      platform: process.platform,
      // It is the daemon itself that asks; what each guest may do is decided for him.
      rights: async () => 'manage',
      diagnose: async () => ({ kind: 'absent', why: 'stopped' }),
      checkSocket: async () => undefined,
    });
    const handlers = deskCalls({
      desk,
      api,
      clock,
      log,
      newId: randomUUID,
      gui: this.#gui,
      openProbes,
      localNetworks,
      pages: {},
      version: VERSION,
    });
    const fault = (call: string, error: unknown): void => log('error', 'webui.fault', { call, error });
    return { api, desk, dispatcher: new Dispatcher(handlers, clock, fault) };
  }
}
