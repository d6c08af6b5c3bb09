/** DNSConfig of the control protocol, made from what the network's DNS is to be (control-protocol.md §4.9.1). */
import { type Nameserver, type WireResolver, wireResolver } from './nameserver.ts';
import type { Effective } from './settings.ts';
import type { WireRecord, Zone } from './zone.ts';

export interface WireDnsConfig {
  readonly Resolvers?: readonly WireResolver[];
  /** An empty list is not the same as none: the machine answers such a suffix from what it knows itself. */
  readonly Routes?: Readonly<Record<string, readonly WireResolver[]>>;
  readonly FallbackResolvers?: readonly WireResolver[];
  readonly Domains: readonly string[];
  readonly Proxied: boolean;
  readonly CertDomains?: readonly string[];
  readonly ExtraRecords?: readonly WireRecord[];
  readonly ExitNodeFilteredSet?: readonly string[];
}

/** Reverse zones of the network's own addresses, which the client answers itself when MagicDNS is on. */
const REVERSE_ZONES: readonly string[] = [
  ...Array.from({ length: 64 }, (_, index) => `${64 + index}.100.in-addr.arpa`),
  '0.e.1.a.c.5.1.1.a.7.d.f.ip6.arpa',
];

export interface WireInput {
  readonly baseDomain: string;
  readonly effective: Effective;
  readonly zone: Zone;
  readonly responder: Nameserver | undefined;
  readonly exitNodeFiltered: readonly string[];
}

/** Without what differs from machine to machine. */
export function wireConfig(input: WireInput): WireDnsConfig {
  const { baseDomain, effective, zone } = input;
  const global = effective.nameservers.map(wireResolver);
  const routes: Record<string, readonly WireResolver[]> = {};
  if (effective.magicDns) for (const suffix of [baseDomain, ...REVERSE_ZONES]) routes[suffix] = [];
  for (const suffix of zone.local) routes[suffix] = [];
  if (input.responder !== undefined)
    for (const suffix of zone.toResponder) routes[suffix] = [wireResolver(input.responder)];
  for (const [suffix, servers] of Object.entries(effective.splitDns))
    routes[suffix] = servers.map(wireResolver);
  const searched = effective.searchDomains.filter((domain) => domain !== baseDomain);
  return {
    ...(global.length > 0 && effective.overrideLocalDns ? { Resolvers: global } : {}),
    ...(Object.keys(routes).length > 0 ? { Routes: routes } : {}),
    ...(global.length > 0 && !effective.overrideLocalDns ? { FallbackResolvers: global } : {}),
    Domains: [baseDomain, ...searched],
    Proxied: effective.magicDns,
    ...(zone.records.length > 0 ? { ExtraRecords: zone.records } : {}),
    ...(input.exitNodeFiltered.length > 0 ? { ExitNodeFilteredSet: input.exitNodeFiltered } : {}),
  };
}

/** The same for every resolver in it. */
export function mapResolvers(
  config: WireDnsConfig,
  change: (resolver: WireResolver) => WireResolver,
): WireDnsConfig {
  const { Resolvers, FallbackResolvers, Routes } = config;
  return {
    ...config,
    ...(Resolvers === undefined ? {} : { Resolvers: Resolvers.map(change) }),
    ...(FallbackResolvers === undefined ? {} : { FallbackResolvers: FallbackResolvers.map(change) }),
    ...(Routes === undefined
      ? {}
      : {
          Routes: Object.fromEntries(
            Object.entries(Routes).map(([suffix, list]) => [suffix, list.map(change)]),
          ),
        }),
  };
}

export const resolversOf = (config: WireDnsConfig): readonly WireResolver[] => [
  ...(config.Resolvers ?? []),
  ...(config.FallbackResolvers ?? []),
  ...Object.values(config.Routes ?? {}).flat(),
];
