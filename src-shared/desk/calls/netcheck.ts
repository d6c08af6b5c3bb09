/** A check of the network around this machine, made here as `rhumb netcheck` makes it. */
import type { NetcheckReport } from '../../bridge/contract.ts';
import type { Handlers } from '../../bridge/dispatch.ts';
import { RhumbError } from '../../errors.ts';
import { formatSockAddr } from '../../ip/address.ts';
import { Netcheck } from '../../netcheck/check.ts';
import { rehearse } from '../../netcheck/rehearsal.ts';
import type { NetReport } from '../../netcheck/report.ts';
import { type DerpMap, derpMap } from '../../wire/map.ts';
import { latenciesOf } from '../relays.ts';
import type { CallParts } from './parts.ts';

type Needs = Pick<CallParts, 'api' | 'clock' | 'desk' | 'log' | 'openProbes'>;

const MAX_REGIONS = 512;
const MAX_TEXT = 256;
/** A second check asked for so soon is answered with the first. */
const FRESH_MS = 5_000;

/** The same check for a page and for a report. */
export function measurement(parts: Needs): (signal: AbortSignal) => Promise<NetcheckReport> {
  const { clock, desk } = parts;
  let last: { readonly report: NetcheckReport; readonly at: number } | undefined;
  let isRunning = false;
  return async (signal) => {
    if (last !== undefined && clock.monotonic() - last.at < FRESH_MS) return last.report;
    if (isRunning) throw new RhumbError('conflict', 'the network is being checked already');
    isRunning = true;
    try {
      const report = await check(parts, signal);
      last = { report, at: clock.monotonic() };
      desk.measured(latenciesOf(report));
      return report;
    } finally {
      isRunning = false;
    }
  };
}

export const netcheckCalls = (
  measure: (signal: AbortSignal) => Promise<NetcheckReport>,
): Handlers<'netcheck.run'> => ({ 'netcheck.run': (_arg, { signal }) => measure(signal) });

async function check({ api, clock, log, openProbes }: Needs, signal: AbortSignal): Promise<NetcheckReport> {
  const map = relayMap(await api.get('derpmap', signal));
  // A stray datagram may come before there is somebody to take it.
  let netcheck: Netcheck | undefined;
  await using probes = await openProbes({
    clock,
    log,
    bindAddress: undefined,
    bindPort: 0,
    receive: (...answer) => netcheck?.handleStun(...answer),
  });
  netcheck = new Netcheck({ ...probes.netcheck, clock, log });
  await rehearse(map, clock, signal);
  return reportOf(await netcheck.run({ map, home: 0 }, signal), map);
}

function relayMap(json: unknown): DerpMap {
  const parsed = derpMap.nullable().safeParse(json);
  if (!parsed.success) throw new RhumbError('protocol', "derpmap: the daemon's reply is malformed");
  const map = parsed.data;
  if (map === null || Object.values(map.Regions ?? {}).every((region) => region === null))
    throw new RhumbError(
      'unavailable',
      'no relays are known: they come from the coordination server, so connect first',
    );
  return map;
}

export function reportOf(report: NetReport, map: DerpMap): NetcheckReport {
  const regions = Object.values(map.Regions ?? {}).flatMap((region) => (region === null ? [] : [region]));
  const mappers = { UPnP: report.upnp, 'NAT-PMP': report.pmp, PCP: report.pcp } as const;
  return {
    atMs: report.nowMs,
    udp: report.udp,
    ipv4: report.globalV4 === undefined ? '' : formatSockAddr(report.globalV4),
    ipv6: report.globalV6 === undefined ? '' : formatSockAddr(report.globalV6),
    mappingVaries: report.mappingVariesByDestIp ?? null,
    portMapping: (Object.keys(mappers) as (keyof typeof mappers)[]).filter((name) => mappers[name] === true),
    captivePortal: report.captivePortal ?? null,
    preferred: report.preferredDerp,
    regions: regions.slice(0, MAX_REGIONS).map(({ RegionID, RegionCode, RegionName }) => ({
      id: RegionID,
      code: RegionCode.slice(0, MAX_TEXT),
      name: RegionName.slice(0, MAX_TEXT),
      v4Ms: report.regionV4LatencyMs.get(RegionID) ?? null,
      v6Ms: report.regionV6LatencyMs.get(RegionID) ?? null,
    })),
  };
}
