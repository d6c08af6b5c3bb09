/** Hostinfo and NetInfo: what a machine tells about itself (control-protocol.md §4.3, §4.4). */
import { z } from 'zod';
import { list, maybe, text } from './scalars.ts';

const bool = maybe(z.boolean());

export const netInfo = z.looseObject({
  MappingVariesByDestIP: bool,
  WorkingIPv6: bool,
  OSHasIPv6: bool,
  WorkingUDP: bool,
  WorkingICMPv4: bool,
  UPnP: bool,
  PMP: bool,
  PCP: bool,
  HavePortMap: bool,
  PreferredDERP: maybe(z.number().int()),
  LinkType: maybe(text),
  DERPLatency: maybe(z.record(z.string().max(32), z.number())),
  FirewallMode: maybe(text),
});

/** What is not known is left out. */
export type NetInfo = Partial<z.infer<typeof netInfo>>;

export const service = z.looseObject({
  Proto: text,
  Port: z.number().int().min(0).max(65_535),
  Description: maybe(text),
});

/** Fields that we do not interpret pass through (loose), so that a server hands them on unchanged. */
export const hostinfo = z.looseObject({
  IPNVersion: maybe(text),
  BackendLogID: maybe(text),
  FrontendLogID: maybe(text),
  OS: maybe(text),
  OSVersion: maybe(text),
  Hostname: maybe(text),
  ShieldsUp: bool,
  RoutableIPs: list(text, 4_096),
  RequestTags: list(text, 256),
  Services: list(service, 4_096),
  NetInfo: maybe(netInfo),
  sshHostKeys: list(text, 64),
  ExitNodeID: maybe(text),
});
export type Hostinfo = z.infer<typeof hostinfo>;
