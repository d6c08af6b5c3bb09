/** Accounts of this device: switching, adding, signing out, and the server where it is worth naming. */
import type { Account } from '#shared/ui-state/types.ts';
import { t } from '../i18n/text.ts';
import { focusHeading } from '../shell/keep-focus.ts';
import { go } from '../shell/route.ts';
import { act, wishFor } from './act.ts';
import { useApp } from './store.ts';

/** The servers that nobody needs to be told of. */
const USUAL_HOSTS: readonly string[] = ['controlplane.tailscale.com', 'login.tailscale.com'];

/** `''` for the usual one. */
export function serverHost(server: string): string {
  const host = URL.parse(server)?.host ?? '';
  return USUAL_HOSTS.includes(host) ? '' : host;
}

export async function switchAccount(id: string): Promise<void> {
  const { accounts } = useApp.getState().confirmed;
  const before = nameIn(accounts.find(({ isCurrent }) => isCurrent));
  const after = nameIn(accounts.find((one) => one.id === id));
  await wishFor(
    { kind: 'account', id },
    'account.switch',
    { id },
    {
      failed: (why) => t('account.switchFailed', { before, after, why }),
    },
  );
}

/** One address may be in two networks. */
const nameIn = (account: Account | undefined): string =>
  [account?.name, account?.network].filter(Boolean).join(', ');

/** The daemon begins an empty account; Home then asks to sign in. */
export async function addAccount(): Promise<void> {
  if (!(await act('account.add', undefined))) return;
  go('/');
  focusHeading();
}

/** Of the current account; others are only forgotten. */
export const signOut = (): Promise<boolean> => act('logout', undefined, t('account.signedOut'));
export const removeAccount = (id: string): Promise<boolean> =>
  act('account.remove', { id }, t('account.removed'));
