/** POST /machine/map: request and streamed response (control-protocol.md §4.5, §4.6, §4.9). */
import { z } from 'zod';
import { dnsResolver } from './dns-resolver.ts';
import { hostinfo } from './hostinfo.ts';
import { node, peerChange, userProfile } from './node.ts';
import { discoKey, int64, list, maybe, nodeKey, text, time } from './scalars.ts';

export const EndpointType = {
  Unknown: 0,
  Local: 1,
  Stun: 2,
  PortMapped: 3,
  Stun4LocalPort: 4,
  Explicit: 5,
} as const;
export type EndpointType = (typeof EndpointType)[keyof typeof EndpointType];

export const mapRequest = z.looseObject({
  Version: z.number().int().min(0).max(65_535),
  Compress: maybe(text),
  KeepAlive: maybe(z.boolean()),
  NodeKey: nodeKey,
  DiscoKey: discoKey,
  Stream: maybe(z.boolean()),
  Hostinfo: maybe(hostinfo),
  /** Absent = keep what is stored; `[]` = none. */
  Endpoints: list(text, 256),
  EndpointTypes: list(z.number().int(), 256),
  ReadOnly: maybe(z.boolean()),
  OmitPeers: maybe(z.boolean()),
});
export type MapRequest = z.infer<typeof mapRequest>;

export const filterRule = z.looseObject({
  SrcIPs: list(text),
  DstPorts: list(
    z.looseObject({ IP: text, Ports: z.looseObject({ First: z.number().int(), Last: z.number().int() }) }),
  ),
  IPProto: list(z.number().int()),
  CapGrant: list(
    z.looseObject({
      Dsts: list(text),
      Caps: list(text),
      CapMap: maybe(z.record(z.string(), z.array(z.unknown()).nullable())),
    }),
  ),
});
export type FilterRule = z.infer<typeof filterRule>;

export const dnsConfig = z.looseObject({
  Resolvers: list(dnsResolver, 256),
  Routes: maybe(z.record(z.string().max(1_024), z.array(dnsResolver).nullable())),
  FallbackResolvers: list(dnsResolver, 256),
  Domains: list(text, 1_024),
  Proxied: maybe(z.boolean()),
  CertDomains: list(text, 1_024),
  /** Names that this machine, as an exit node, does not look up for others. */
  ExitNodeFilteredSet: list(text, 4_096),
  ExtraRecords: list(z.looseObject({ Name: text, Type: maybe(text), Value: text })),
});
export type DnsConfig = z.infer<typeof dnsConfig>;

export const derpNode = z.looseObject({
  Name: text,
  RegionID: z.number().int(),
  HostName: text,
  CertName: maybe(text),
  IPv4: maybe(text),
  IPv6: maybe(text),
  STUNPort: maybe(z.number().int()),
  STUNOnly: maybe(z.boolean()),
  DERPPort: maybe(z.number().int()),
  InsecureForTests: maybe(z.boolean()),
  STUNTestIP: maybe(text),
  CanPort80: maybe(z.boolean()),
});
export const derpRegion = z.looseObject({
  RegionID: z.number().int(),
  RegionCode: text,
  RegionName: text,
  Avoid: maybe(z.boolean()),
  NoMeasureNoHome: maybe(z.boolean()),
  Nodes: list(derpNode, 1_024),
});
export const derpMap = z.looseObject({
  HomeParams: maybe(z.looseObject({ RegionScore: maybe(z.record(z.string(), z.number())) })),
  Regions: maybe(z.record(z.string().max(16), derpRegion.nullable())),
  omitDefaultRegions: maybe(z.boolean()),
});
export type DerpMap = z.infer<typeof derpMap>;
export type DerpRegion = z.infer<typeof derpRegion>;
export type DerpNode = z.infer<typeof derpNode>;

export const pingRequest = z.looseObject({
  URL: text,
  URLIsNoise: maybe(z.boolean()),
  Types: maybe(text),
  IP: maybe(text),
  Payload: maybe(z.string()),
});
export type PingRequest = z.infer<typeof pingRequest>;

export const displayMessage = z.looseObject({
  Title: maybe(text),
  Text: maybe(text),
  Severity: maybe(text),
  ImpactsConnectivity: maybe(z.boolean()),
  PrimaryAction: maybe(z.looseObject({ URL: text, Label: text })),
});

export const mapResponse = z.looseObject({
  KeepAlive: maybe(z.boolean()),
  PingRequest: maybe(pingRequest),
  PopBrowserURL: maybe(text),
  Node: maybe(node),
  DERPMap: maybe(derpMap),
  Peers: list(node, 1_000_000),
  PeersChanged: list(node, 1_000_000),
  PeersRemoved: list(int64, 1_000_000),
  PeersChangedPatch: list(peerChange, 1_000_000),
  PeerSeenChange: maybe(z.record(z.string(), z.boolean())),
  OnlineChange: maybe(z.record(z.string(), z.boolean())),
  DNSConfig: maybe(dnsConfig),
  Domain: maybe(text),
  CollectServices: maybe(z.boolean()),
  /** Absent or null = unchanged; `[]` = block everything. */
  PacketFilter: list(filterRule),
  PacketFilters: maybe(z.record(z.string(), z.array(filterRule).nullable())),
  UserProfiles: list(userProfile, 1_000_000),
  Health: list(text, 256),
  DisplayMessages: maybe(z.record(z.string(), displayMessage.nullable())),
  SSHPolicy: maybe(z.unknown()),
  ControlTime: time,
  ControlDialPlan: maybe(z.unknown()),
  ClientVersion: maybe(z.unknown()),
  Debug: maybe(
    z.looseObject({
      SleepSeconds: maybe(z.number()),
      DisableLogTail: maybe(z.boolean()),
      Exit: maybe(z.number().int()),
    }),
  ),
});
export type MapResponse = z.infer<typeof mapResponse>;
