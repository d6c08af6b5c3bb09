/** Notify, the messages of `watch-ipn-bus`, and the bits of its mask (localapi-and-daemon.md §2.6, §2.7). */
import { z } from 'zod';
import type { Frozen } from '../frozen.ts';
import { node, peerChange } from '../wire/node.ts';
import { int64, list, maybe, nodeKey, text, time } from '../wire/scalars.ts';
import { encodeNode, encodePeerChange } from './node.ts';
import { encodePrefs, prefs } from './prefs.ts';
import { bool, id, int, record, str } from './read.ts';
import { clientVersion, encodeClientVersion, encodeStatus, status } from './status.ts';
import {
  encodeFields,
  type Fields,
  goTime,
  goTimeOrOmit,
  keep,
  mapValues,
  nodeKeyText,
  omitEmpty,
  omitMissing,
  omitZero,
  orNull,
  orOmit,
} from './struct.ts';
import { encodeUserProfile, userProfile } from './user.ts';

/** Bits of `mask`. */
export const Watch = {
  EngineUpdates: 1,
  InitialState: 2,
  InitialPrefs: 4,
  InitialNetMap: 8,
  NoPrivateKeys: 16,
  InitialDriveShares: 32,
  InitialOutgoingFiles: 64,
  InitialHealthState: 128,
  RateLimit: 256,
  HealthActions: 512,
  InitialSuggestedExitNode: 1_024,
  InitialClientVersion: 2_048,
  PeerChanges: 4_096,
  NoNetMap: 8_192,
  InitialStatus: 16_384,
  /** Implies PeerChanges. */
  PeerPatches: 32_768,
  /** Refused over HTTP. */
  InProcessNoDisconnect: 65_536,
  SysPolicyChanges: 131_072,
  PeerWireGuardState: 262_144,
} as const;

/** The first message is sent only when one of these is asked for; health and outgoing files alone do not cause it. */
export const INITIAL_MESSAGE_BITS =
  Watch.InitialState |
  Watch.InitialPrefs |
  Watch.InitialNetMap |
  Watch.InitialDriveShares |
  Watch.InitialSuggestedExitNode |
  Watch.InitialClientVersion |
  Watch.InitialStatus |
  Watch.SysPolicyChanges |
  Watch.PeerWireGuardState;

/** Bits that cannot go with RateLimit. */
export const NO_RATE_LIMIT_BITS =
  Watch.PeerChanges | Watch.NoNetMap | Watch.InitialStatus | Watch.PeerPatches;

const MAX_MASK = 0x7fff_ffff;

/** Reads `mask` of a watch; a text is why it is refused (400). Unknown bits are ignored. */
export function parseWatchMask(raw: string | undefined): number | string {
  if (raw === undefined || raw === '') return 0;
  if (!/^\d{1,10}$/.test(raw) || Number(raw) > MAX_MASK) return 'bad mask';
  const mask = Number(raw);
  if ((mask & Watch.InProcessNoDisconnect) !== 0) return 'mask bit 65536 is for use within the daemon only';
  if ((mask & Watch.RateLimit) !== 0 && (mask & NO_RATE_LIMIT_BITS) !== 0)
    return 'mask bit 256 (rate limit) does not go with 4096, 8192, 16384 or 32768';
  return (mask & Watch.PeerPatches) !== 0 ? mask | Watch.PeerChanges : mask;
}

/** A Go `*empty.Message`: only its presence says something. */
const empty = z
  .object({})
  .nullish()
  .transform((value) => (value === null || value === undefined ? undefined : ({} as const)));

const livePeer = z.object({ NodeKey: nodeKey, TxBytes: id, RxBytes: id, LastHandshake: time });
export const engineStatus = z.object({
  RBytes: id,
  WBytes: id,
  NumLive: int,
  LiveDERPs: int,
  /** By node key. */
  LivePeers: record(livePeer),
});
export type EngineStatus = Frozen<z.infer<typeof engineStatus>>;

const severity = z.enum(['high', 'medium', 'low']).catch('medium');
const warning = z.object({
  WarnableCode: str,
  Severity: severity,
  Title: str,
  Text: str,
  BrokenSince: time,
  Args: record(z.string()),
  DependsOn: list(text, 256),
  ImpactsConnectivity: bool,
  PrimaryAction: maybe(z.object({ URL: str, Label: str })),
  ETag: str,
});
export type Warning = Frozen<z.infer<typeof warning>>;
/** `health.State`: no entry for what is well. */
export const healthState = z.object({ Warnings: record(warning) });
export type HealthState = Frozen<z.infer<typeof healthState>>;

const peerWireGuardState = z.enum(['none', 'handshake', 'established', 'expired']).catch('none');
const peerState = z.object({ PeerWireGuardState: peerWireGuardState, PeerWireGuardStateAt: time });
export type PeerState = Frozen<z.infer<typeof peerState>>;

const partialFile = z.object({
  Name: str,
  Started: time,
  /** -1 when unknown. */
  DeclaredSize: id,
  Received: id,
  PartialPath: str,
  FinalPath: str,
  Done: bool,
});
const outgoingFile = z.object({
  ID: str,
  PeerID: str,
  Name: str,
  Started: time,
  DeclaredSize: id,
  Sent: id,
  Finished: bool,
  Succeeded: bool,
});

const notifyShape = z.object({
  Version: str,
  SessionID: maybe(text),
  ErrMessage: maybe(text),
  LoginFinished: empty,
  /** A number of `State`. */
  State: maybe(z.number().int().min(0).max(255)),
  Prefs: maybe(prefs),
  SelfChange: maybe(node),
  InitialStatus: maybe(status),
  /** As sent: its reader is the program that asked for it. */
  NetMap: maybe(z.unknown()),
  PeerChangedPatch: list(peerChange, 1_000_000),
  PeersChanged: list(node, 1_000_000),
  PeersRemoved: list(int64, 1_000_000),
  UserProfiles: record(userProfile),
  /** By StableNodeID. */
  PeerState: record(peerState),
  Engine: maybe(engineStatus),
  BrowseToURL: maybe(text),
  FilesWaiting: empty,
  IncomingFiles: list(partialFile, 4_096),
  OutgoingFiles: list(outgoingFile, 4_096),
  LocalTCPPort: maybe(z.number().int().min(0).max(65_535)),
  ClientVersion: maybe(clientVersion),
  DriveShares: list(z.unknown(), 1_024),
  Health: maybe(healthState),
  SuggestedExitNode: maybe(text),
  Policy: maybe(z.unknown()),
});

type NotifyFields = Frozen<z.infer<typeof notifyShape>>;
/** One message: a field that is undefined is no news, not "cleared". */
export type Notify = { readonly [K in keyof NotifyFields]?: NotifyFields[K] | undefined };

export const notify: z.ZodType<NotifyFields> = notifyShape;

const encodeEngine = (value: EngineStatus): unknown => ({
  ...value,
  LivePeers: orNull(
    mapValues((peer: Frozen<z.infer<typeof livePeer>>) => ({
      NodeKey: nodeKeyText(peer.NodeKey),
      TxBytes: peer.TxBytes,
      RxBytes: peer.RxBytes,
      LastHandshake: goTime(peer.LastHandshake),
    })),
  )(value.LivePeers),
});

const emitWarning: Fields<Warning> = {
  WarnableCode: keep,
  Severity: keep,
  Title: keep,
  Text: keep,
  BrokenSince: goTimeOrOmit,
  Args: omitEmpty,
  DependsOn: omitEmpty,
  ImpactsConnectivity: omitEmpty,
  PrimaryAction: omitMissing,
  ETag: omitZero,
};
export const encodeHealth = (value: HealthState): Record<string, unknown> => ({
  Warnings: orNull(mapValues((item: Warning) => encodeFields(emitWarning, item)))(value.Warnings),
});

const encodePeerState = (value: PeerState): unknown => ({
  PeerWireGuardState: value.PeerWireGuardState,
  PeerWireGuardStateAt: goTime(value.PeerWireGuardStateAt),
});

const withStart = (value: { readonly Started: number | undefined }): unknown => ({
  ...value,
  Started: goTime(value.Started),
});

const emitNotify: Fields<NotifyFields> = {
  Version: (value) => value ?? '',
  SessionID: omitZero,
  ErrMessage: keep,
  LoginFinished: keep,
  State: keep,
  Prefs: orNull(encodePrefs),
  SelfChange: orOmit((value) => encodeNode(value as z.infer<typeof node>)),
  InitialStatus: orOmit(encodeStatus),
  NetMap: keep,
  PeerChangedPatch: orOmit((list) =>
    list.map((item) => encodePeerChange(item as z.infer<typeof peerChange>)),
  ),
  PeersChanged: orOmit((list) => list.map((item) => encodeNode(item as z.infer<typeof node>))),
  PeersRemoved: omitMissing,
  UserProfiles: orOmit(mapValues(encodeUserProfile)),
  PeerState: orOmit(mapValues(encodePeerState)),
  Engine: orNull(encodeEngine),
  BrowseToURL: keep,
  FilesWaiting: omitMissing,
  IncomingFiles: orOmit((list) => list.map(withStart)),
  OutgoingFiles: orOmit((list) => list.map(withStart)),
  LocalTCPPort: omitMissing,
  ClientVersion: orOmit(encodeClientVersion),
  DriveShares: keep,
  Health: orOmit(encodeHealth),
  SuggestedExitNode: omitMissing,
  Policy: omitMissing,
};

/** The JSON value of one message; write it on one line, never indented. `NetMap` must already be JSON. */
export const encodeNotify = (value: Notify): Record<string, unknown> =>
  encodeFields(emitNotify, value as NotifyFields);
