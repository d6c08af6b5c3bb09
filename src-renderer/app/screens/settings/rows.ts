/** Every setting as a row of a table: where it belongs, how it is called, when it is there, and what its control is; pure. */
import type { ArgOf, Capability, GuiSettings } from '#shared/bridge/contract.ts';
import type { DaemonFeature, Settings } from '#shared/ui-state/types.ts';
import type { Key } from '../../i18n/text.ts';
import { isHostName } from '../../lib/host-name.ts';

export const GROUPS = [
  'general',
  'connection',
  'routing',
  'security',
  'dns',
  'notifications',
  'updates',
  'web',
  'advanced',
  'about',
] as const;
export type Group = (typeof GROUPS)[number];

type Switches<T> = { [K in keyof T]: T[K] extends boolean ? K : never }[keyof T];
type PrefEdit = ArgOf<'prefs.edit'>;
export type GuiChoice = 'language' | 'theme' | 'contrast' | 'density' | 'trayIcon' | 'onClose';

export type Control =
  | {
      readonly kind: 'pref';
      readonly read: (settings: Settings) => boolean;
      readonly edit: (on: boolean) => PrefEdit;
      /** Asked before the value becomes this. */
      readonly asks?: {
        readonly when: boolean;
        readonly title: Key;
        readonly text: Key;
        readonly submit: Key;
      };
    }
  | { readonly kind: 'gui'; readonly name: Switches<GuiSettings> }
  | { readonly kind: 'choice'; readonly name: GuiChoice }
  | {
      readonly kind: 'notify';
      /** As the desktop program names them. */
      readonly kinds: readonly string[];
      readonly isOffAtFirst: boolean;
    }
  | {
      readonly kind: 'text';
      readonly read: (settings: Settings) => string;
      readonly edit: (text: string) => PrefEdit;
      /** What is refused at once. */
      readonly isGood: (text: string) => boolean;
    }
  | { readonly kind: 'link'; readonly to: string }
  | { readonly kind: 'netfilter' | 'server' | 'updates' | 'about' | 'dns' | 'web' | 'reset' };

export interface Row {
  readonly id: string;
  readonly group: Group;
  readonly control: Control;
  /** What an organisation may have settled. */
  readonly of?: keyof Settings;
  readonly can?: Capability;
  readonly feature?: DaemonFeature;
  /** Of the daemon's machine. */
  readonly platform?: string;
}

const USER_NAME = /^[a-z_][a-z0-9_.-]{0,63}$/i;

const notify = (name: string, kinds: readonly string[], isOffAtFirst = false): Row => ({
  id: `notify.${name}`,
  group: 'notifications',
  can: 'notifications',
  control: { kind: 'notify', kinds, isOffAtFirst },
});

export const ROWS: readonly Row[] = [
  { id: 'language', group: 'general', control: { kind: 'choice', name: 'language' } },
  { id: 'theme', group: 'general', control: { kind: 'choice', name: 'theme' } },
  { id: 'contrast', group: 'general', control: { kind: 'choice', name: 'contrast' } },
  { id: 'density', group: 'general', control: { kind: 'choice', name: 'density' } },
  { id: 'startAtLogin', group: 'general', can: 'login-item', control: { kind: 'gui', name: 'startAtLogin' } },
  { id: 'startHidden', group: 'general', can: 'login-item', control: { kind: 'gui', name: 'startHidden' } },
  { id: 'onClose', group: 'general', can: 'window', control: { kind: 'choice', name: 'onClose' } },
  { id: 'trayIcon', group: 'general', can: 'tray', control: { kind: 'choice', name: 'trayIcon' } },
  { id: 'confirmDisconnect', group: 'general', control: { kind: 'gui', name: 'confirmDisconnect' } },
  {
    id: 'hostname',
    group: 'connection',
    of: 'hostname',
    control: {
      kind: 'text',
      read: ({ hostname }) => hostname,
      edit: (hostname) => ({ hostname }),
      isGood: (text) => text === '' || isHostName(text),
    },
  },
  {
    id: 'unattended',
    group: 'connection',
    of: 'unattended',
    platform: 'win32',
    control: { kind: 'pref', read: ({ unattended }) => unattended, edit: (unattended) => ({ unattended }) },
  },
  {
    id: 'operator',
    group: 'connection',
    of: 'operator',
    platform: 'linux',
    control: {
      kind: 'text',
      read: ({ operator }) => operator,
      edit: (operator) => ({ operator }),
      isGood: (text) => text === '' || USER_NAME.test(text),
    },
  },
  { id: 'accounts', group: 'connection', control: { kind: 'link', to: '/accounts' } },
  {
    id: 'acceptRoutes',
    group: 'routing',
    of: 'acceptRoutes',
    control: {
      kind: 'pref',
      read: ({ acceptRoutes }) => acceptRoutes,
      edit: (acceptRoutes) => ({ acceptRoutes }),
    },
  },
  { id: 'shareRoutes', group: 'routing', control: { kind: 'link', to: '/settings/routes' } },
  { id: 'offerExit', group: 'routing', control: { kind: 'link', to: '/offer-exit-node' } },
  {
    id: 'allowLan',
    group: 'routing',
    of: 'allowLan',
    control: { kind: 'pref', read: ({ allowLan }) => allowLan, edit: (allowLan) => ({ allowLan }) },
  },
  {
    id: 'snat',
    group: 'routing',
    of: 'noSnat',
    platform: 'linux',
    control: { kind: 'pref', read: ({ noSnat }) => !noSnat, edit: (on) => ({ noSnat: !on }) },
  },
  {
    id: 'incoming',
    group: 'security',
    of: 'shieldsUp',
    control: {
      kind: 'pref',
      read: ({ shieldsUp }) => !shieldsUp,
      edit: (on) => ({ shieldsUp: !on }),
      asks: {
        when: false,
        title: 'settings.incoming.askTitle',
        text: 'settings.incoming.askText',
        submit: 'settings.incoming.askSubmit',
      },
    },
  },
  {
    id: 'ssh',
    group: 'security',
    of: 'runSsh',
    feature: 'ssh',
    control: {
      kind: 'pref',
      read: ({ runSsh }) => runSsh,
      edit: (runSsh) => ({ runSsh }),
      asks: {
        when: true,
        title: 'settings.ssh.askTitle',
        text: 'settings.ssh.askText',
        submit: 'settings.ssh.askSubmit',
      },
    },
  },
  {
    id: 'posture',
    group: 'security',
    of: 'postureChecking',
    feature: 'posture-checks',
    control: {
      kind: 'pref',
      read: ({ postureChecking }) => postureChecking,
      edit: (postureChecking) => ({ postureChecking }),
    },
  },
  {
    id: 'acceptDns',
    group: 'dns',
    of: 'acceptDns',
    control: { kind: 'pref', read: ({ acceptDns }) => acceptDns, edit: (acceptDns) => ({ acceptDns }) },
  },
  { id: 'dnsNow', group: 'dns', control: { kind: 'dns' } },
  notify('lost', ['state.lost']),
  notify('exit', ['exit.broken']),
  notify('key', ['key.soon', 'key.hour', 'key.expired']),
  notify('signIn', ['login.url']),
  notify('approved', ['approved']),
  notify('health', ['health']),
  notify('update', ['update.ready', 'update.security']),
  notify('service', ['service.gone']),
  notify('device', ['device.new'], true),
  notify('onOff', ['state.on', 'state.off'], true),
  {
    id: 'notifyOnlyHidden',
    group: 'notifications',
    can: 'notifications',
    control: { kind: 'gui', name: 'notifyOnlyHidden' },
  },
  { id: 'update', group: 'updates', can: 'updates', control: { kind: 'updates' } },
  {
    id: 'updateCheck',
    group: 'updates',
    of: 'autoUpdateCheck',
    control: {
      kind: 'pref',
      read: ({ autoUpdateCheck }) => autoUpdateCheck,
      edit: (autoUpdateCheck) => ({ autoUpdateCheck }),
    },
  },
  {
    id: 'updateApply',
    group: 'updates',
    of: 'autoUpdateApply',
    feature: 'auto-update',
    control: {
      kind: 'pref',
      read: ({ autoUpdateApply }) => autoUpdateApply === true,
      edit: (autoUpdateApply) => ({ autoUpdateApply }),
    },
  },
  {
    id: 'webClient',
    group: 'web',
    of: 'runWebClient',
    feature: 'web-client',
    control: {
      kind: 'pref',
      read: ({ runWebClient }) => runWebClient,
      edit: (runWebClient) => ({ runWebClient }),
    },
  },
  { id: 'webAddress', group: 'web', feature: 'web-client', control: { kind: 'web' } },
  { id: 'server', group: 'advanced', control: { kind: 'server' } },
  {
    id: 'netfilter',
    group: 'advanced',
    of: 'netfilterMode',
    platform: 'linux',
    control: { kind: 'netfilter' },
  },
  { id: 'reset', group: 'advanced', control: { kind: 'reset' } },
  { id: 'about', group: 'about', control: { kind: 'about' } },
];

export interface Around {
  readonly can: readonly Capability[];
  readonly features: readonly DaemonFeature[];
  readonly platform: string;
  /** Its preferences are known. */
  readonly hasDaemon: boolean;
}

const OF_DAEMON: readonly Control['kind'][] = [
  'pref',
  'text',
  'netfilter',
  'server',
  'dns',
  'link',
  'web',
  'reset',
];

/** What can be set here and now; a feature that is absent is not shown, and never pretended. */
export const rowsFor = ({ can, features, platform, hasDaemon }: Around): readonly Row[] =>
  ROWS.filter(
    (row) =>
      (row.can === undefined || can.includes(row.can)) &&
      (row.feature === undefined || features.includes(row.feature)) &&
      (row.platform === undefined || row.platform === platform) &&
      (hasDaemon || !OF_DAEMON.includes(row.control.kind)),
  );

/** `textOf`: label and note as they are read. */
export function searchRows(rows: readonly Row[], text: string, textOf: (row: Row) => string): readonly Row[] {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return rows.filter((row) => {
    const said = textOf(row).toLowerCase();
    return words.every((word) => said.includes(word));
  });
}
