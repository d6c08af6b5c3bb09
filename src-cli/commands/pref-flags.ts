/** Flags that stand for preferences: how each is declared, read from preferences and turned into an edit. */
import type { Prefs, PrefsEdit } from '#shared/localapi/prefs.ts';
import type { Flag } from './spec.ts';

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
    offers: async () => (await import('./offers.ts')).exitNodes,
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

/** Settings that came after the flags of `up` were closed: only `set` and `get` know them. */
const SET_ONLY: readonly PrefFlag[] = [
  {
    name: 'nickname',
    kind: 'text',
    value: 'name',
    about: 'short name for this account',
    read: (prefs) => prefs.ProfileName,
    pick: ({ ProfileName }) => ({ ProfileName }),
  },
  {
    name: 'update-check',
    kind: 'bool',
    initial: true,
    about: 'tell about updates',
    read: (prefs) => prefs.AutoUpdate.Check,
    pick: ({ AutoUpdate }) => ({ AutoUpdate: { Check: AutoUpdate.Check } }),
  },
  {
    name: 'auto-update',
    kind: 'bool',
    about: 'install updates without asking',
    read: (prefs) => prefs.AutoUpdate.Apply === true,
    pick: ({ AutoUpdate }) => ({ AutoUpdate: { Apply: AutoUpdate.Apply } }),
  },
  {
    name: 'webclient',
    kind: 'bool',
    about: 'let this machine be managed in a browser, at port 5252 within the network',
    read: (prefs) => prefs.RunWebClient,
    pick: ({ RunWebClient }) => ({ RunWebClient }),
  },
  {
    name: 'relay-server-port',
    kind: 'text',
    value: 'port',
    about: 'UDP port at which to relay for other machines, 0 for any; empty for no relaying',
    read: (prefs) => (prefs.RelayServerPort === undefined ? '' : String(prefs.RelayServerPort)),
    pick: ({ RelayServerPort }) => ({ RelayServerPort }),
  },
  {
    name: 'relay-server-static-endpoints',
    kind: 'text',
    value: 'addresses',
    about: 'addresses with port at which that relay can be reached, separated by commas',
    read: (prefs) => (prefs.RelayServerStaticEndpoints ?? []).join(','),
    pick: ({ RelayServerStaticEndpoints }) => ({ RelayServerStaticEndpoints }),
  },
  {
    name: 'remote-config',
    kind: 'bool',
    about: 'let the coordination server change every setting of this machine',
    isHidden: true,
    read: (prefs) => prefs.RemoteConfig,
    pick: ({ RemoteConfig }) => ({ RemoteConfig }),
  },
  {
    name: 'sync',
    kind: 'bool',
    about: 'follow the coordination server; false only for testing failures',
    isHidden: true,
    read: (prefs) => prefs.Sync === true,
    pick: ({ Sync }) => ({ Sync }),
  },
];

const NOT_SETTABLE: readonly string[] = ['login-server', 'advertise-tags'];

/** What `set` takes and `get` shows. */
export const settableFlags = (platform: string): readonly PrefFlag[] => [
  ...prefFlags(platform).filter(({ name }) => !NOT_SETTABLE.includes(name)),
  ...SET_ONLY,
];
