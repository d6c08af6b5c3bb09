/** The calls that only the desktop program answers: its window, the service, updates. */
import type { CallName, ShellCall } from '#shared/bridge/contract.ts';
import type { CallContext, Handlers } from '#shared/bridge/dispatch.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Service, Verb } from '../service/types.ts';
import type { Updates } from '../update/updates.ts';

export interface ShellCallParts {
  readonly service: Service;
  readonly updates: Updates;
  readonly hideWindow: () => void;
  /** The daemon may be there now. */
  readonly refresh: () => void;
  /** On disk there is a newer app than the one that runs. */
  readonly isReplaced: () => boolean;
  readonly relaunch: () => void;
}

export function shellCalls(parts: ShellCallParts): Handlers<ShellCall> {
  const { service, updates, hideWindow, refresh, isReplaced, relaunch } = parts;
  let isAsking = false;
  /** One question for a password at a time, whoever makes the calls. */
  const having = async (call: CallName, verb: Verb, { caller, signal }: CallContext): Promise<undefined> => {
    if (isAsking) throw new RhumbError('conflict', 'a question for a password is open already');
    isAsking = true;
    try {
      await service.run(verb, signal, (line) => caller.emit('operation', { call, line }));
    } finally {
      isAsking = false;
    }
    refresh();
    return undefined;
  };
  return {
    'service.status': async () => {
      const { isAtBoot, lines } = await service.look();
      return { isAtBoot, lines: lines === null ? null : [...lines], isAppReplaced: isReplaced() };
    },
    'service.install': (_arg, context) => having('service.install', 'install', context),
    // Both at once is what installing does: one question, one password.
    'service.start': ({ atBoot }, context) => having('service.start', atBoot ? 'install' : 'start', context),
    'service.restart': (_arg, context) => having('service.restart', 'restart', context),
    'operator.grant': (_arg, context) => having('operator.grant', 'grant-operator', context),
    'forwarding.enable': (_arg, context) => having('forwarding.enable', 'enable-forwarding', context),
    'app.relaunch': () => {
      if (!isReplaced()) throw new RhumbError('conflict', 'the app that runs is the one on disk');
      relaunch();
      return undefined;
    },
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
