/** Node, PeerChange, UserProfile: one machine as others see it (control-protocol.md §4.7 to §4.9.2). */
import { z } from 'zod';
import { dnsResolver } from './dns-resolver.ts';
import { hostinfo } from './hostinfo.ts';
import { discoKey, int64, list, machineKey, maybe, nodeKey, patchTime, text, time } from './scalars.ts';

const capMap = maybe(z.record(z.string().max(1_024), z.array(z.unknown()).nullable()));

export const node = z.looseObject({
  ID: int64,
  StableID: text,
  /** FQDN with a trailing dot. */
  Name: text,
  User: int64,
  Sharer: maybe(int64),
  Key: nodeKey,
  /** ms since 1970; absent = never. */
  KeyExpiry: time,
  Machine: machineKey,
  DiscoKey: discoKey,
  Addresses: list(text, 1_024),
  /** Absent = same as Addresses; `[]` = none. */
  AllowedIPs: list(text, 16_384),
  Endpoints: list(text, 1_024),
  /** Legacy home relay `127.3.3.40:<region>`. */
  DERP: maybe(text),
  HomeDERP: maybe(z.number().int()),
  Hostinfo: maybe(hostinfo),
  Created: time,
  Cap: maybe(z.number().int()),
  Tags: list(text, 1_024),
  PrimaryRoutes: list(text, 16_384),
  LastSeen: time,
  /** Absent = unknown. */
  Online: maybe(z.boolean()),
  MachineAuthorized: maybe(z.boolean()),
  Capabilities: list(text, 4_096),
  CapMap: capMap,
  UnsignedPeerAPIOnly: maybe(z.boolean()),
  Expired: maybe(z.boolean()),
  SelfNodeV4MasqAddrForThisPeer: maybe(text),
  SelfNodeV6MasqAddrForThisPeer: maybe(text),
  IsWireGuardOnly: maybe(z.boolean()),
  IsJailed: maybe(z.boolean()),
  /** Of a WireGuard-only exit node. */
  ExitNodeDNSResolvers: list(dnsResolver, 64),
});
/** A node as parsed: times in ms, keys branded, null as undefined. */
export type Node = z.infer<typeof node>;

export const peerChange = z.looseObject({
  NodeID: int64,
  DERPRegion: maybe(z.number().int()),
  Cap: maybe(z.number().int()),
  CapMap: capMap,
  Endpoints: list(text, 1_024),
  Key: nodeKey,
  DiscoKey: discoKey,
  Online: maybe(z.boolean()),
  LastSeen: time,
  /** Null = from now on never. */
  KeyExpiry: patchTime,
});
export type PeerChange = z.infer<typeof peerChange>;

export const userProfile = z.looseObject({
  ID: int64,
  LoginName: text,
  DisplayName: text,
  ProfilePicURL: maybe(text),
  Groups: list(text, 4_096),
});
export type UserProfile = z.infer<typeof userProfile>;
