/** Flags that stand for preferences: how each is declared, read from preferences and turned into an edit. */
import { DEFAULT_CONTROL_URL, NetfilterMode, type Prefs, type PrefsEdit } from '#shared/localapi/prefs.ts';
import type { Flag } from './spec.ts';

/** Names that mean the official coordination server. */
const OFFICIAL = ['https://login.tailscale.com', DEFAULT_CONTROL_URL];
export const isOfficialServer = (url: string): boolean => OFFICIAL.includes(url);

export const EXIT_ROUTES: readonly string[] = ['0.0.0.0/0', '::/0'];
export const isExitRoute = (route: string): boolean => EXIT_ROUTES.includes(route);
export const advertisesExitNode = (prefs: Prefs): boolean =>
  EXIT_ROUTES.every((route) => prefs.AdvertiseRoutes?.includes(route) === true);

export const NETFILTER_MODES = ['off', 'nodivert', 'on'] as const;

/** What flags depend on besides the preferences themselves. */
export interface FlagView {
  /** Address of the exit node in use, '' for none or unknown. */
  readonly exitNodeIp: string;
}

export interface PrefFlag extends Flag {
  /** Systems that have it; all unless said. */
  readonly platforms?: readonly string[];
  /** The value that this flag would need so that these preferences result. */
  readonly read: (prefs: Prefs, view: FlagView) => string | boolean;
  /** The fields that the flag decides. */
  readonly pick: (prefs: Prefs) => PrefsEdit;
}

/** Every preference flag of `up`; `set` takes them too, except the login server and the tags. */
const ALL: readonly PrefFlag[] = [
  {
    name: 'login-server',
    kind: 'text',
    value: 'url',
    about: 'coordination server; needed once, then remembered',
    read: (prefs) => prefs.ControlURL,
    pick: ({ ControlURL }) => ({ ControlURL }),
  },
  {
    name: 'hostname',
    kind: 'text',
    value: 'name',
    about: 'name of this machine instead of the operating system’s',
    read: (prefs) => prefs.Hostname,
    pick: ({ Hostname }) => ({ Hostname }),
  },
  {
    name: 'accept-dns',
    kind: 'bool',
    initial: true,
    about: 'take the DNS settings of the network',
    read: (prefs) => prefs.CorpDNS,
    pick: ({ CorpDNS }) => ({ CorpDNS }),
  },
  {
    name: 'accept-routes',
    kind: 'bool',
    about: 'use subnets that other machines route',
    read: (prefs) => prefs.RouteAll,
    pick: ({ RouteAll }) => ({ RouteAll }),
  },
  {
    name: 'advertise-routes',
    kind: 'text',
    value: 'prefixes',
    about: 'subnets that this machine routes for others, separated by commas',
    read: (prefs) => (prefs.AdvertiseRoutes ?? []).filter((route) => !isExitRoute(route)).join(','),
    pick: ({ AdvertiseRoutes }) => ({ AdvertiseRoutes }),
  },
  {
    name: 'advertise-exit-node',
    kind: 'bool',
    about: 'offer to be the exit to the internet for others',
    read: advertisesExitNode,
    pick: ({ AdvertiseRoutes }) => ({ AdvertiseRoutes }),
  },
  {
    name: 'advertise-tags',
    kind: 'text',
    value: 'tags',
    about: 'tags to ask for, separated by commas; `tag:` may be left out',
    read: (prefs) => (prefs.AdvertiseTags ?? []).join(','),
    pick: ({ AdvertiseTags }) => ({ AdvertiseTags }),
  },
  {
    name: 'advertise-connector',
    kind: 'bool',
    about: 'offer to be an app connector',
    read: (prefs) => prefs.AppConnector.Advertise,
    pick: ({ AppConnector }) => ({ AppConnector }),
  },
  {
    name: 'exit-node',
    kind: 'text',
    value: 'machine',
    about: 'reach the internet through this machine (address, name or auto:any); empty for none',
    read: (prefs, view) => (prefs.ExitNodeIP !== '' ? prefs.ExitNodeIP : view.exitNodeIp),
    pick: ({ ExitNodeIP, ExitNodeID, AutoExitNode }) => ({
      ExitNodeIP,
      ExitNodeID,
      ...(AutoExitNode !== '' && { AutoExitNode }),
    }),
  },
  {
    name: 'exit-node-allow-lan-access',
    kind: 'bool',
    about: 'keep the local network reachable while an exit node is used',
    read: (prefs) => prefs.ExitNodeAllowLANAccess,
    pick: ({ ExitNodeAllowLANAccess }) => ({ ExitNodeAllowLANAccess }),
  },
  {
    name: 'shields-up',
    kind: 'bool',
    about: 'let nothing in',
    read: (prefs) => prefs.ShieldsUp,
    pick: ({ ShieldsUp }) => ({ ShieldsUp }),
  },
  {
    name: 'ssh',
    kind: 'bool',
    about: 'run an SSH server as the policy of the network allows',
    read: (prefs) => prefs.RunSSH,
    pick: ({ RunSSH }) => ({ RunSSH }),
  },
  {
    name: 'report-posture',
    kind: 'bool',
    about: 'let the coordination server ask for facts about this device',
    read: (prefs) => prefs.PostureChecking,
    pick: ({ PostureChecking }) => ({ PostureChecking }),
  },
  {
    name: 'operator',
    kind: 'text',
    value: 'user',
    about: 'user who may control rhumbd without sudo',
    platforms: ['linux', 'darwin', 'freebsd'],
    read: (prefs) => prefs.OperatorUser,
    pick: ({ OperatorUser }) => ({ OperatorUser }),
  },
  {
    name: 'snat-subnet-routes',
    kind: 'bool',
    initial: true,
    about: 'translate the source addresses of traffic to advertised subnets',
    platforms: ['linux'],
    read: (prefs) => !prefs.NoSNAT,
    pick: ({ NoSNAT }) => ({ NoSNAT }),
  },
  {
    name: 'stateful-filtering',
    kind: 'bool',
    about: 'filter forwarded packets by connection',
    platforms: ['linux'],
    // Only an explicit true turns it off.
    read: (prefs) => prefs.NoStatefulFiltering !== true,
    pick: ({ NoStatefulFiltering }) => ({ NoStatefulFiltering }),
  },
  {
    name: 'netfilter-mode',
    kind: 'text',
    initial: 'on',
    value: NETFILTER_MODES.join('|'),
    choices: NETFILTER_MODES,
    about: 'how much rhumbd does to the firewall',
    platforms: ['linux'],
    read: (prefs) => NETFILTER_MODES[prefs.NetfilterMode],
    pick: (prefs) => ({ NetfilterMode: prefs.NetfilterMode }),
  },
  {
    name: 'unattended',
    kind: 'bool',
    about: 'keep running after the user logged out',
    platforms: ['win32'],
    read: (prefs) => prefs.ForceDaemon,
    pick: ({ ForceDaemon }) => ({ ForceDaemon }),
  },
];

/** Where a new profile takes routes of other machines (localapi-and-daemon.md §2.4). */
const ACCEPT_ROUTES: readonly string[] = ['win32', 'android'];

/** The preference flags of one operating system. */
export const prefFlags = (platform: string): readonly PrefFlag[] =>
  ALL.filter((flag) => flag.platforms?.includes(platform) ?? true).map((flag) =>
    flag.name === 'accept-routes' ? { ...flag, initial: ACCEPT_ROUTES.includes(platform) } : flag,
  );

export const netfilterModeOf = (text: string): NetfilterMode =>
  text === 'off' ? NetfilterMode.Off : text === 'nodivert' ? NetfilterMode.NoDivert : NetfilterMode.On;
