/** The calls that only the desktop program answers: its window, the service, updates. */
import type { ShellCall } from '#shared/bridge/contract.ts';
import type { Handlers } from '#shared/bridge/dispatch.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Service, Verb } from '../service/types.ts';
import type { Updates } from '../update/updates.ts';

export interface ShellCallParts {
  readonly service: Service;
  readonly updates: Updates;
  readonly hideWindow: () => void;
  /** The daemon may be there now. */
  readonly refresh: () => void;
}

export function shellCalls({ service, updates, hideWindow, refresh }: ShellCallParts): Handlers<ShellCall> {
  let isAsking = false;
  /** One question for a password at a time, whoever makes the calls. */
  const having = async (verb: Verb, signal: AbortSignal): Promise<undefined> => {
    if (isAsking) throw new RhumbError('conflict', 'a question for a password is open already');
    isAsking = true;
    try {
      await service.run(verb, signal);
    } finally {
      isAsking = false;
    }
    refresh();
    return undefined;
  };
  return {
    'service.install': (_arg, { signal }) => having('install', signal),
    'service.start': (_arg, { signal }) => having('start', signal),
    'service.restart': (_arg, { signal }) => having('restart', signal),
    'operator.grant': (_arg, { signal }) => having('grant-operator', signal),
    'window.hide': () => {
      hideWindow();
      return undefined;
    },
    'update.check': () => updates.check(),
    'update.install': async () => {
      await updates.install();
      return undefined;
    },
  };
}
