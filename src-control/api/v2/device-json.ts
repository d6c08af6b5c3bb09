/** A machine as the public API shows it (coordination-server.md §13.1). */
import { z } from 'zod';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import { formatTime } from '#shared/wire/scalars.ts';
import type { AdminDeps } from '../../admin/deps.ts';
import { announcedRoutes } from '../../state/announced.ts';
import { isAdmitted, isExpired, type NodeView } from '../../state/network.ts';
import { loginName, ownerOf } from '../../state/users.ts';
import { NO_TIME, timeOr } from './common.ts';

const strings = z.array(z.string());
const time = z.string().meta({ format: 'date-time' });

export const device = z
  .object({
    addresses: strings,
    name: z.string(),
    id: z.string(),
    nodeId: z.string(),
    user: z.string(),
    hostname: z.string(),
    clientVersion: z.string(),
    updateAvailable: z.boolean(),
    os: z.string(),
    created: time,
    connectedToControl: z.boolean(),
    lastSeen: time.optional(),
    expires: time,
    keyExpiryDisabled: z.boolean(),
    authorized: z.boolean(),
    isExternal: z.boolean(),
    isEphemeral: z.boolean(),
    machineKey: z.string(),
    nodeKey: z.string(),
    tailnetLockKey: z.string(),
    tailnetLockError: z.string(),
    blocksIncomingConnections: z.boolean(),
    tags: strings,
    /** The rest with `fields=all` only. */
    advertisedRoutes: strings.optional(),
    enabledRoutes: strings.optional(),
    sshEnabled: z.boolean().optional(),
    distro: z.object({ name: z.string(), version: z.string(), codeName: z.string() }).optional(),
    clientConnectivity: z
      .object({
        endpoints: strings,
        derp: z.string(),
        mappingVariesByDestIP: z.boolean(),
        latency: z.record(z.string(), z.object({ latencyMs: z.number(), preferred: z.boolean().optional() })),
        clientSupports: z.object({
          hairPinning: z.boolean(),
          ipv6: z.boolean(),
          pcp: z.boolean(),
          pmp: z.boolean(),
          udp: z.boolean(),
          upnp: z.boolean(),
        }),
      })
      .optional(),
    postureIdentity: z.object({ disabled: z.boolean() }).optional(),
  })
  .meta({ id: 'Device' });
export type DeviceJson = z.output<typeof device>;

export function deviceJson(deps: AdminDeps, view: NodeView, withAll: boolean): DeviceJson {
  const { record } = view;
  const owner = ownerOf(deps.network, record);
  const isConnected = view.isOnline && !isExpired(record, deps.clock.now());
  const id = String(record.id);
  return {
    addresses: [record.ipv4, record.ipv6].filter((address) => address !== undefined),
    name: `${record.givenName}.${deps.baseDomain}`,
    ...{ id, nodeId: id },
    user: owner === undefined ? '' : loginName(owner),
    hostname: record.hostname,
    clientVersion: record.hostinfo.IPNVersion ?? '',
    updateAvailable: false,
    os: record.hostinfo.OS ?? '',
    created: formatTime(record.createdAt),
    connectedToControl: isConnected,
    // Only of machines that are away.
    ...(isConnected ? {} : { lastSeen: formatTime(record.lastSeen ?? record.createdAt) }),
    expires: timeOr(record.expiry, NO_TIME),
    keyExpiryDisabled: record.keyExpiryDisabled || record.expiry === undefined,
    authorized: isAdmitted(record),
    isExternal: false,
    isEphemeral: record.ephemeral,
    machineKey: record.machineKey,
    nodeKey: record.nodeKey,
    ...{ tailnetLockKey: '', tailnetLockError: '' },
    blocksIncomingConnections: record.hostinfo.ShieldsUp ?? false,
    tags: [...record.tags],
    ...(withAll ? allOf(deps, view) : {}),
  };
}

function allOf(deps: AdminDeps, { record }: NodeView) {
  const { hostinfo } = record;
  return {
    advertisedRoutes: [...announcedRoutes(record)],
    enabledRoutes: [...record.approvedRoutes],
    sshEnabled: (hostinfo.sshHostKeys ?? []).length > 0,
    distro: {
      name: textOf(hostinfo, 'Distro'),
      version: textOf(hostinfo, 'DistroVersion'),
      codeName: textOf(hostinfo, 'DistroCodeName'),
    },
    clientConnectivity: connectivity(deps.live?.derpMap(), record.endpoints, record.homeDerp, hostinfo),
    postureIdentity: { disabled: true },
  };
}

/** Of a member that is handed on without being interpreted. */
function textOf(hostinfo: Hostinfo, name: string): string {
  const value = hostinfo[name];
  return typeof value === 'string' ? value : '';
}

function connectivity(
  map: DerpMap | undefined,
  endpoints: readonly string[],
  home: number,
  { NetInfo }: Hostinfo,
) {
  const regionName = (id: string): string => map?.Regions?.[id]?.RegionName ?? id;
  const latency: Record<string, { latencyMs: number; preferred?: boolean }> = {};
  // `region-v4` and `region-v6`: the better of both.
  for (const [key, seconds] of Object.entries(NetInfo?.DERPLatency ?? {})) {
    const id = key.replace(/-v[46]$/, '');
    const name = regionName(id);
    const latencyMs = Math.min(seconds * 1_000, latency[name]?.latencyMs ?? Number.POSITIVE_INFINITY);
    latency[name] = { latencyMs, ...(Number(id) === home ? { preferred: true } : {}) };
  }
  return {
    endpoints: [...endpoints],
    derp: home === 0 ? '' : regionName(String(home)),
    mappingVariesByDestIP: NetInfo?.MappingVariesByDestIP ?? false,
    latency,
    clientSupports: {
      hairPinning: false,
      ipv6: NetInfo?.WorkingIPv6 ?? false,
      pcp: NetInfo?.PCP ?? false,
      pmp: NetInfo?.PMP ?? false,
      udp: NetInfo?.WorkingUDP ?? false,
      upnp: NetInfo?.UPnP ?? false,
    },
  };
}
