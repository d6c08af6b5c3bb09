/** The tray and notifications as a caller of their own: same table, same checks, same rights as the page. */
import type { ArgOf, CallName } from '#shared/bridge/contract.ts';
import type { Caller, Dispatcher } from '#shared/bridge/dispatch.ts';
import type { Log } from '#shared/log/log.ts';
import type { Rights } from '#shared/ui-state/types.ts';

/** Resolves to whether it worked. */
export function ownCaller(
  dispatcher: Pick<Dispatcher, 'run'>,
  rights: () => Rights,
  log: Log,
  /** The person clicked, and it did not work: the window says more. */
  failed: () => void,
): <K extends CallName>(name: K, arg: ArgOf<K>) => Promise<boolean> {
  const caller: Caller = {
    id: 'tray',
    get rights() {
      return rights();
    },
    signal: new AbortController().signal,
    emit: () => undefined,
  };
  return async (name, arg) => {
    const reply = await dispatcher.run(name, arg, caller);
    if (reply.ok) return true;
    log('info', 'tray.call-failed', { call: name, code: reply.code, why: reply.message });
    failed();
    return false;
  };
}
