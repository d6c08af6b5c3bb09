/** Entries of the tray's menu as the same calls that the page makes. */
import type { ArgOf, CallName } from '#shared/bridge/contract.ts';
import { assert } from '#shared/errors.ts';
import type { TrayAction } from './types.ts';

export interface TrayHands {
  readonly call: <K extends CallName>(name: K, arg: ArgOf<K>) => Promise<boolean>;
  readonly show: (route: string | undefined) => void;
  readonly quit: () => void;
  readonly signInAddress: () => string;
}

/** A call that fails is told by showing the window, which says why; it never fails here. */
export async function actOn(
  action: TrayAction,
  { call, show, quit, signInAddress }: TrayHands,
): Promise<unknown> {
  switch (action.kind) {
    case 'open':
      return show(action.route);
    case 'connect':
      return await call('prefs.edit', { wantRunning: action.on });
    case 'exit-node':
      return await call('exitNode.set', { id: action.id, auto: false });
    case 'allow-lan':
      return await call('exitNode.set', { allowLan: action.on });
    case 'shared-networks':
      return await call('prefs.edit', { acceptRoutes: action.on });
    case 'account':
      return await call('account.switch', { id: action.id });
    case 'sign-in':
      show('/');
      return await call('login.start', {});
    case 'sign-in-page':
      return await call('open.url', { kind: 'auth' });
    case 'sign-in-copy':
      return await call('clipboard.write', { text: signInAddress() });
    case 'sign-in-cancel':
      return await call('login.cancel', undefined);
    case 'admin-page':
      return await call('open.url', { kind: 'admin' });
    case 'service':
      return action.verb === 'start'
        ? await call('service.start', { atBoot: false })
        : await call('service.restart', undefined);
    case 'copy':
      return await call('clipboard.write', { text: action.text });
    case 'quit':
      // Who asked for both must not believe in one that did not happen.
      if (action.disconnect && !(await call('prefs.edit', { wantRunning: false }))) return;
      return quit();
    default:
      assert(action satisfies never, 'every entry does something');
  }
}
