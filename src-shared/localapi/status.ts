/** Status and PeerStatus: what `GET status` tells (localapi-and-daemon.md §2.3). */
import { z } from 'zod';
import type { Frozen } from '../frozen.ts';
import { list, maybe, nodeKey, text, time } from '../wire/scalars.ts';
import { bool, float, id, int, record, str } from './read.ts';
import {
  encodeFields,
  type Fields,
  fieldsText,
  goTime,
  goTimeOrOmit,
  keep,
  mapValues,
  nodeKeyText,
  omitEmpty,
  omitMissing,
  orNull,
  orOmit,
} from './struct.ts';
import { encodeUserProfile, userProfile } from './user.ts';

/** `ipn.State`: an integer in Notify.State, its name in Status.BackendState (§0.2). */
export const State = {
  NoState: 0,
  InUseOtherUser: 1,
  NeedsLogin: 2,
  NeedsMachineAuth: 3,
  Stopped: 4,
  Starting: 5,
  Running: 6,
} as const;
export type StateName = keyof typeof State;
export type State = (typeof State)[StateName];

const STATE_NAMES = Object.keys(State) as readonly StateName[];

/** The name of a state; undefined for a number that we do not know. */
export const stateName = (state: number): StateName | undefined => STATE_NAMES[state];

/** Whether files may be sent to a peer, else why not. */
export const TaildropTarget = {
  Unknown: 0,
  Available: 1,
  NoNetmapAvailable: 2,
  IpnStateNotRunning: 3,
  MissingCap: 4,
  Offline: 5,
  NoPeerInfo: 6,
  UnsupportedOS: 7,
  NoPeerAPI: 8,
  OwnedByOtherUser: 9,
} as const;

export const location = z.object({
  Country: str,
  CountryCode: str,
  City: str,
  CityCode: str,
  Latitude: float,
  Longitude: float,
  Priority: int,
});

/** Only from rhumbd: how packets reach an active peer, since when, and why not directly. */
const rhumbPath = z.object({
  /** `direct`, `relay` or `none`. */
  Kind: str,
  Addr: str,
  /** Code of the region in use, which need not be the peer's home. */
  Relay: str,
  Since: time,
  LatencySeconds: float,
  Why: str,
});

const peerStatusShape = z.object({
  /** StableNodeID. */
  ID: str,
  NodeID: id,
  PublicKey: nodeKey,
  HostName: str,
  /** FQDN with a trailing dot, '' when unknown. */
  DNSName: str,
  OS: str,
  UserID: id,
  AltSharerUserID: id,
  TailscaleIPs: list(text, 1_024),
  AllowedIPs: list(text, 16_384),
  Tags: list(text, 1_024),
  PrimaryRoutes: list(text, 16_384),
  Addrs: list(text, 1_024),
  /** The direct endpoint in use, '' when none. */
  CurAddr: str,
  /** Code of the home relay's region. */
  Relay: str,
  PeerRelay: str,
  RxBytes: id,
  TxBytes: id,
  Created: time,
  LastWrite: time,
  /** Only while offline. */
  LastSeen: time,
  LastHandshake: time,
  Online: bool,
  ExitNode: bool,
  ExitNodeOption: bool,
  /** Traffic in the last two minutes. */
  Active: bool,
  PeerAPIURL: list(text, 64),
  TaildropTarget: int,
  NoFileSharingReason: str,
  Capabilities: list(text, 4_096),
  CapMap: record(z.array(z.unknown()).nullable()),
  sshHostKeys: list(text, 64),
  ShareeNode: bool,
  InNetworkMap: bool,
  InMagicSock: bool,
  InEngine: bool,
  Expired: bool,
  KeyExpiry: time,
  Location: maybe(location),
  RhumbPath: maybe(rhumbPath),
});
export type PeerStatus = Frozen<z.infer<typeof peerStatusShape>>;
export const peerStatus: z.ZodType<PeerStatus> = peerStatusShape;

/** A PeerStatus of which nothing is known; spread it and set what is. */
export const NO_PEER: PeerStatus = peerStatus.parse({});

const emitPeer: Fields<PeerStatus> = {
  ID: keep,
  NodeID: keep,
  PublicKey: nodeKeyText,
  HostName: keep,
  DNSName: keep,
  OS: keep,
  UserID: keep,
  AltSharerUserID: omitEmpty,
  TailscaleIPs: keep,
  // Pointers to slices: only a missing one is dropped.
  AllowedIPs: omitMissing,
  Tags: omitMissing,
  PrimaryRoutes: omitMissing,
  Addrs: keep,
  CurAddr: keep,
  Relay: keep,
  PeerRelay: keep,
  RxBytes: keep,
  TxBytes: keep,
  Created: goTime,
  LastWrite: goTime,
  LastSeen: goTime,
  LastHandshake: goTime,
  Online: keep,
  ExitNode: keep,
  ExitNodeOption: keep,
  Active: keep,
  PeerAPIURL: keep,
  TaildropTarget: keep,
  NoFileSharingReason: keep,
  Capabilities: omitEmpty,
  CapMap: omitEmpty,
  sshHostKeys: omitEmpty,
  ShareeNode: omitEmpty,
  InNetworkMap: keep,
  InMagicSock: keep,
  InEngine: keep,
  Expired: omitEmpty,
  KeyExpiry: goTimeOrOmit,
  Location: orOmit((value) =>
    Object.fromEntries(Object.entries(value).filter(([, item]) => omitEmpty(item) !== undefined)),
  ),
  RhumbPath: orOmit((value) => ({ ...value, Since: goTime(value.Since) })),
};
export const encodePeerStatus = (value: PeerStatus): Record<string, unknown> => encodeFields(emitPeer, value);
/** The same as text. */
export const peerStatusText = (value: PeerStatus): string => fieldsText(emitPeer, value);

const exitNodeStatus = z.object({
  ID: str,
  Online: bool,
  /** Prefixes, unlike everywhere else in Status. */
  TailscaleIPs: list(text, 1_024),
});

const tailnet = z.object({ Name: str, MagicDNSSuffix: str, MagicDNSEnabled: bool });

export const clientVersion = z.object({
  RunningLatest: bool,
  LatestVersion: str,
  UrgentSecurityUpdate: bool,
  Notify: bool,
  NotifyURL: str,
  NotifyText: str,
});
export type ClientVersion = Frozen<z.infer<typeof clientVersion>>;

export const encodeClientVersion = (value: ClientVersion): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([, item]) => omitEmpty(item) !== undefined));

const MAX_HEALTH = 1_024;

const statusShape = z.object({
  Version: str,
  TUN: bool,
  /** A StateName; other daemons may know more. */
  BackendState: str,
  HaveNodeKey: bool,
  AuthURL: str,
  TailscaleIPs: list(text, 1_024),
  /** Never null on the wire: clients dereference it in every state. */
  Self: peerStatusShape.nullish().transform((value) => value ?? peerStatusShape.parse({})),
  ExitNodeStatus: maybe(exitNodeStatus),
  Health: list(text, MAX_HEALTH),
  MagicDNSSuffix: str,
  CurrentTailnet: maybe(tailnet),
  CertDomains: list(text, 1_024),
  ExtraRecords: list(z.object({ Name: str, Type: str, Value: str })),
  /** By node key; undefined with `peers=false`. */
  Peer: record(peerStatusShape),
  /** By `String(user.ID)`. */
  User: record(userProfile),
  ClientVersion: maybe(clientVersion),
});
export type Status = Frozen<z.infer<typeof statusShape>>;
export const status: z.ZodType<Status> = statusShape;

/** A Status of which nothing is known; spread it and set what is. */
export const NO_STATUS: Status = { ...status.parse({}), BackendState: 'NoState' satisfies StateName };

const emitStatus: Fields<Status> = {
  Version: keep,
  TUN: keep,
  BackendState: keep,
  HaveNodeKey: omitEmpty,
  AuthURL: keep,
  TailscaleIPs: keep,
  Self: encodePeerStatus,
  ExitNodeStatus: orOmit((value) => ({ ...value, TailscaleIPs: keep(value.TailscaleIPs) })),
  Health: keep,
  MagicDNSSuffix: keep,
  CurrentTailnet: keep,
  CertDomains: keep,
  ExtraRecords: orNull((records) =>
    records.map(({ Name, Type, Value }) => (Type === '' ? { Name, Value } : { Name, Type, Value })),
  ),
  Peer: orNull(mapValues(encodePeerStatus)),
  User: orNull(mapValues(encodeUserProfile)),
  ClientVersion: orNull(encodeClientVersion),
};
export const encodeStatus = (value: Status): Record<string, unknown> => encodeFields(emitStatus, value);
