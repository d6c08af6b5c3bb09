/** What every face of the program shows (window, tray, notifications, web page): one plain value, the same over IPC and JSON (desktop.md §3). */
import type { StateName } from '../localapi/status.ts';

/** The connection to the daemon. */
export type Link =
  | { readonly kind: 'searching' }
  | { readonly kind: 'absent'; readonly why: 'not-installed' | 'stopped' }
  /** Something answers that must not be trusted, or will not have us. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'mismatch'; readonly daemonVersion: string }
  | { readonly kind: 'ready'; readonly rights: Rights }
  /** Was ready; times are wall clock, ms. */
  | { readonly kind: 'lost'; readonly sinceMs: number };

export type Rights = 'manage' | 'readonly';

/** What only some daemons can do; what is absent is hidden, never faked. */
export type DaemonFeature =
  /** An hour of traffic, second by second. */
  | 'traffic-history'
  /** Why a device is reached as it is. */
  | 'explain-path'
  /** The daemon's log, as it is written. */
  | 'logs'
  /** Without its exit node nothing leaves this machine. */
  | 'kill-switch'
  | 'files'
  /** It can be an SSH server. */
  | 'ssh'
  /** It can serve this page to the network. */
  | 'web-client'
  /** It tells its network of the machine's condition. */
  | 'posture-checks'
  /** It can install its own updates. */
  | 'auto-update';

export interface Device {
  /** StableNodeID. */
  readonly id: string;
  /** First label of the DNS name, or the host name where there is none. */
  readonly name: string;
  /** Without final dot; '' when unknown. */
  readonly dnsName: string;
  readonly hostName: string;
  readonly os: string;
  readonly userId: string;
  readonly isMine: boolean;
  readonly isShared: boolean;
  readonly tags: readonly string[];
  /** IPv4 first. */
  readonly addresses: readonly string[];
  /** Prefixes beyond its own addresses that it carries, without /0. */
  readonly routes: readonly string[];
  /** Those of them that it carries now, while others that share them stand by. */
  readonly primaryRoutes: readonly string[];
  readonly isOnline: boolean;
  readonly isExpired: boolean;
  /** Wall clock ms; undefined = unknown or, for expiry, never. */
  readonly lastSeenMs: number | undefined;
  readonly keyExpiryMs: number | undefined;
  /** Of the device in its network, whatever keys it had since. */
  readonly createdMs: number | undefined;
  /** Of the key in use; only known of this device, and not from every daemon. */
  readonly keyCreatedMs: number | undefined;
  readonly lastHandshakeMs: number | undefined;
  readonly path: DevicePath;
  readonly isExitOption: boolean;
  readonly location: Place | undefined;
  readonly canReceiveFiles: boolean;
  readonly hasSsh: boolean;
  /** `ip:port` at which it may be. */
  readonly candidates: readonly string[];
  readonly homeRelay: string;
  readonly nodeKey: string;
  readonly capabilities: readonly string[];
}

/** How packets get there. `idle` = no traffic for two minutes, which is no trouble. */
export interface DevicePath {
  readonly kind: 'direct' | 'peer-relay' | 'relay' | 'idle' | 'none';
  /** Endpoint, or code of the relay region; '' when unknown. */
  readonly via: string;
  readonly latencyMs: number | undefined;
  readonly sinceMs: number | undefined;
  /** Why there is no direct path, in the daemon's words. */
  readonly why: string | undefined;
}

export interface Place {
  readonly country: string;
  readonly countryCode: string;
  readonly city: string;
  readonly cityCode: string;
  readonly priority: number;
}

export interface User {
  readonly id: string;
  readonly loginName: string;
  readonly displayName: string;
}

export interface Account {
  readonly id: string;
  /** Nickname, or login name. */
  readonly name: string;
  readonly loginName: string;
  readonly network: string;
  readonly server: string;
  readonly isCurrent: boolean;
}

/** `code` is stable; texts come from the daemon or the server and are shown as they are. */
export interface Warning {
  readonly code: string;
  readonly severity: 'high' | 'medium' | 'low';
  readonly title: string;
  readonly text: string;
  readonly brokenSinceMs: number | undefined;
  readonly impactsConnectivity: boolean;
  readonly dependsOn: readonly string[];
  /** There is a page to open (`open.url {kind: 'warning', id: code}`) under this label. */
  readonly action: string | undefined;
  readonly etag: string;
}

/** The daemon's preferences that people see. */
export interface Settings {
  readonly server: string;
  readonly wantRunning: boolean;
  readonly loggedOut: boolean;
  readonly hostname: string;
  readonly acceptRoutes: boolean;
  readonly acceptDns: boolean;
  readonly shieldsUp: boolean;
  readonly runSsh: boolean;
  readonly runWebClient: boolean;
  readonly postureChecking: boolean;
  readonly exitNodeId: string;
  readonly exitNodeIp: string;
  readonly autoExitNode: string;
  readonly lastExitNodeId: string;
  readonly allowLan: boolean;
  readonly advertiseRoutes: readonly string[];
  readonly noSnat: boolean;
  readonly netfilterMode: 0 | 1 | 2;
  readonly operator: string;
  readonly nickname: string;
  readonly autoUpdateCheck: boolean;
  readonly autoUpdateApply: boolean | undefined;
  readonly unattended: boolean;
}

/** What an organisation has settled on this machine; the daemon refuses to change it. */
export interface Policy {
  /** Who; '' = not told. */
  readonly organisation: string;
  readonly fixed: readonly (keyof Settings)[];
}

/** A region of relays. */
export interface Relay {
  readonly id: number;
  /** As `Device.homeRelay` and `DevicePath.via` name it. */
  readonly code: string;
  readonly name: string;
  /** From this device, lately; undefined = not measured. */
  readonly latencyMs: number | undefined;
}

export interface Network {
  readonly name: string;
  readonly suffix: string;
  readonly hasMagicDns: boolean;
}

/** Everything but traffic. Lists of devices are records by id, so that a patch names what changed. */
export interface Snapshot {
  readonly link: Link;
  readonly daemon: {
    readonly version: string;
    readonly hasTun: boolean;
    readonly features: readonly DaemonFeature[];
    /** As Node names it. */
    readonly platform: string;
    /** What its machine calls itself; '' when unknown. */
    readonly hostName: string;
  };
  readonly state: StateName;
  /** Since when it is `Running`; undefined also when the daemon doesn't say. */
  readonly connectedSinceMs: number | undefined;
  readonly authUrl: string;
  readonly self: Device | undefined;
  readonly devices: Readonly<Record<string, Device>>;
  readonly users: Readonly<Record<string, User>>;
  readonly network: Network | undefined;
  readonly settings: Settings | undefined;
  readonly policy: Policy;
  readonly relays: readonly Relay[];
  readonly accounts: readonly Account[];
  readonly warnings: readonly Warning[];
  readonly suggestedExitNodeId: string;
  readonly newVersion: { readonly version: string; readonly isUrgent: boolean } | undefined;
  /** Why the last login failed, in the server's words. */
  readonly loginError: string | undefined;
}

/**
 * What changed since the last one: top-level values as a whole, devices and users one by one (null = gone). It is the same as
 * JSON, which knows no undefined.
 */
export interface Patch {
  readonly top?: Partial<Omit<Snapshot, 'devices' | 'users'>>;
  /** Top-level values that are not known any more. */
  readonly cleared?: readonly (
    | 'self'
    | 'network'
    | 'settings'
    | 'newVersion'
    | 'loginError'
    | 'connectedSinceMs'
  )[];
  readonly devices?: Readonly<Record<string, Device | null>>;
  readonly users?: Readonly<Record<string, User | null>>;
}
