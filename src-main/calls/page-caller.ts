/** From IPC to the dispatcher: only our own window's page is heard, and only in pieces that the dispatcher checks. */
import type { EventName, ValueOf } from '#shared/bridge/contract.ts';
import type { Caller, Dispatcher } from '#shared/bridge/dispatch.ts';
import type { Reply } from '#shared/bridge/values.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { Rights } from '#shared/ui-state/types.ts';
import { CALL_CHANNEL, EVENT_CHANNEL } from '../product.ts';
import { isOurs } from '../security/policy.ts';
import type { Shell, ShellWindow } from '../shell.ts';

export interface CallersOptions {
  readonly shell: Pick<Shell, 'handle'>;
  readonly dispatcher: Dispatcher;
  readonly rights: () => Rights;
  readonly log: Log;
  /** Tells a new page of changes, until it is gone. */
  readonly told: (caller: Caller) => void;
}

/** The page of the one window, as a caller. */
export class PageCaller {
  readonly #options: CallersOptions;
  #window: ShellWindow | undefined;
  #caller: Caller | undefined;
  #closed = new AbortController();
  /** The page has asked for the state: from then on it hears events. */
  #isListening = false;
  #place: string | undefined;

  constructor(options: CallersOptions) {
    this.#options = options;
    options.shell.handle(CALL_CHANNEL, async (sender, name, arg): Promise<Reply> => {
      const caller = this.#caller;
      if (caller === undefined || !isOurs(sender, this.#window?.id)) {
        options.log('warn', 'ipc.foreign-sender', { url: sender.url.slice(0, 200) });
        return { ok: false, code: 'not-allowed', message: 'calls come from the window alone' };
      }
      if (name === 'state.get') this.#listening();
      return await options.dispatcher.run(name, arg, caller);
    });
  }

  /** From now on this window is heard. What the last page asked for is given up: nobody waits for it. */
  attach(window: ShellWindow): void {
    this.detach();
    this.#window = window;
    this.#closed = new AbortController();
    const { rights } = this.#options;
    this.#caller = {
      id: `window-${window.id}`,
      get rights() {
        return rights();
      },
      signal: this.#closed.signal,
      emit: (name, value) => window.send(EVENT_CHANNEL, name, value),
    };
    this.#options.told(this.#caller);
  }

  /** Shows a place of the page, as soon as it can hear of it. */
  go(place: string): void {
    if (this.#isListening) this.emit('navigate', place);
    else this.#place = place;
  }

  #listening(): void {
    this.#isListening = true;
    if (this.#place !== undefined) this.emit('navigate', this.#place);
    this.#place = undefined;
  }

  detach(): void {
    this.#isListening = false;
    this.#closed.abort(new RhumbError('unavailable', 'the window was closed'));
    this.#window = undefined;
    this.#caller = undefined;
  }

  emit<K extends EventName>(name: K, value: ValueOf<K>): void {
    this.#caller?.emit(name, value);
  }
}
