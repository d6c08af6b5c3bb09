/** What the tray shows in each state: pure, and without anything that ticks (desktop.md §6). */
import type { GuiSettings } from '#shared/bridge/contract.ts';
import { exitNodeOf, type UiState } from '#shared/ui-state/derive.ts';
import type { Snapshot } from '#shared/ui-state/types.ts';
import { shownName } from '../text/clean.ts';
import type { Text } from '../text/text.ts';
import { deviceMenu } from './device-menu.ts';
import { action, choice, label, separator, submenu } from './entries.ts';
import { exitMenu, nameOf } from './exit-menu.ts';
import type { TrayIcon, TrayItem, TrayModel } from './types.ts';

export interface TrayInput {
  readonly state: UiState;
  readonly snapshot: Snapshot;
  readonly gui: GuiSettings;
  readonly t: Text;
  /** Something waits for the person. */
  readonly hasAttention: boolean;
}

export interface TrayParts extends TrayInput {
  readonly isManager: boolean;
}

const ICONS: Readonly<Record<UiState, TrayIcon>> = {
  loading: 'unknown',
  'no-daemon': 'warning',
  'daemon-stopped': 'warning',
  'untrusted-daemon': 'blocked',
  'version-mismatch': 'warning',
  reconnecting: 'unknown',
  'other-user': 'off',
  expired: 'blocked',
  'waiting-browser': 'connecting',
  'signed-out': 'off',
  'waiting-approval': 'connecting',
  off: 'off',
  connecting: 'connecting',
  'exit-broken': 'blocked',
  degraded: 'warning',
  'on-exit': 'on-exit',
  on: 'on',
};

export function trayModel(input: TrayInput): TrayModel {
  const { state, snapshot, t } = input;
  const parts = { ...input, isManager: snapshot.link.kind === 'ready' && snapshot.link.rights === 'manage' };
  const heading = headingOf(input);
  return {
    icon: ICONS[state],
    hasAttention: input.hasAttention,
    tooltip: t('tray.tooltip', { heading }),
    menu: [label('state', t('tray.state', { heading })), ...entries(parts)],
  };
}

function headingOf({ state, snapshot, t }: TrayInput): string {
  const exit = exitNodeOf(snapshot);
  const node = exit.kind === 'none' ? '' : nameOf(exit.device);
  return t(`heading.${state}`, { node });
}

function entries(parts: TrayParts): TrayItem[] {
  const { state, t, isManager } = parts;
  const open = action('open', t('tray.open'), { kind: 'open', route: undefined });
  const quit = action('quit', t('tray.quit'), { kind: 'quit', disconnect: false });
  const ending = [open, separator, quit];
  switch (state) {
    case 'loading':
    case 'reconnecting':
    case 'other-user':
      return ending;
    case 'no-daemon':
      return [action('service', t('tray.installService'), { kind: 'open', route: '/' }), ...ending];
    case 'daemon-stopped':
      return [action('service', t('tray.startService'), { kind: 'service', verb: 'start' }), ...ending];
    case 'untrusted-daemon':
      return [action('details', t('tray.details'), { kind: 'open', route: '/' }), ...ending];
    case 'version-mismatch':
      return [action('service', t('tray.restartService'), { kind: 'service', verb: 'restart' }), ...ending];
    case 'waiting-browser':
      return [
        action('login.open', t('tray.openPage'), { kind: 'sign-in-page' }, isManager),
        action('login.copy', t('tray.copyLink'), { kind: 'sign-in-copy' }, isManager),
        action('login.cancel', t('tray.cancelSignIn'), { kind: 'sign-in-cancel' }, isManager),
        ...ending,
      ];
    case 'signed-out':
    case 'expired': {
      const text = state === 'expired' ? t('tray.signInAgain') : t('tray.signIn');
      return [action('login', text, { kind: 'sign-in' }, isManager), ...accounts(parts), ...ending];
    }
    case 'waiting-approval':
      return [action('admin', t('tray.openAdmin'), { kind: 'admin-page' }), ...ending];
    case 'off':
      return [
        action('connect', t('tray.connect'), { kind: 'connect', on: true }, isManager),
        ...accounts(parts),
        ...thisDevice(parts),
        ...ending,
      ];
    case 'connecting':
    case 'exit-broken':
    case 'degraded':
    case 'on-exit':
    case 'on':
      return connected(parts, open, quit);
    default:
      return state satisfies never;
  }
}

function connected(parts: TrayParts, open: TrayItem, quit: TrayItem): TrayItem[] {
  const { state, snapshot, t, isManager } = parts;
  const exit = exitNodeOf(snapshot);
  const problems = snapshot.warnings.filter(({ severity }) => severity !== 'low').length;
  const accepts = snapshot.settings?.acceptRoutes === true;
  return [
    ...(state === 'exit-broken' && exit.kind === 'broken'
      ? [
          action(
            'exit.stop',
            t('tray.stopExit', { node: nameOf(exit.device) }),
            { kind: 'exit-node', id: '' },
            isManager,
          ),
        ]
      : []),
    action('disconnect', t('tray.disconnect'), { kind: 'connect', on: false }, isManager),
    separator,
    ...exitMenu(parts),
    choice(
      'check',
      'routes',
      t('tray.sharedNetworks'),
      accepts,
      { kind: 'shared-networks', on: !accepts },
      isManager,
    ),
    ...deviceMenu(parts),
    ...accounts(parts),
    ...thisDevice(parts),
    ...(problems === 0
      ? []
      : [
          action('problems', t('tray.problems', { count: problems }), {
            kind: 'open',
            route: '/diagnostics',
          }),
        ]),
    separator,
    open,
    action('settings', t('tray.settings'), { kind: 'open', route: '/settings' }),
    quit,
    action('quit.disconnect', t('tray.disconnectAndQuit'), { kind: 'quit', disconnect: true }, isManager),
  ];
}

const MAX_ACCOUNTS = 15;

function accounts({ snapshot, t, isManager }: TrayParts): TrayItem[] {
  if (snapshot.accounts.length === 0) return [];
  const current = snapshot.accounts.find(({ isCurrent }) => isCurrent);
  const names = snapshot.accounts.map(({ name }) => name);
  const rows = snapshot.accounts.slice(0, MAX_ACCOUNTS).map((account) => {
    const isUnclear = names.filter((name) => name === account.name).length > 1;
    const name = isUnclear && account.network !== '' ? `${account.network} (${account.name})` : account.name;
    return choice(
      'radio',
      `account.${account.id}`,
      shownName(name),
      account.isCurrent,
      { kind: 'account', id: account.id },
      isManager,
    );
  });
  return submenu(
    'accounts',
    current === undefined ? t('tray.accounts') : t('tray.account', { name: shownName(current.name) }),
    [...rows, separator, action('accounts.add', t('tray.addAccount'), { kind: 'open', route: '/accounts' })],
  );
}

function thisDevice({ snapshot, t }: TrayParts): TrayItem[] {
  const [address] = snapshot.self?.addresses ?? [];
  if (snapshot.self === undefined || address === undefined) return [];
  const text = t('tray.thisDevice', { name: shownName(snapshot.self.name), address });
  return [action('self', text, { kind: 'copy', text: address })];
}
