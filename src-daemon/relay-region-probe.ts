/** Whether the relays of one region can be reached from here, for people who run them (localapi-and-daemon.md §2.1, `debug-derp-region`). */
import type { Clock } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { RelayDial } from '#shared/node/relay/dial.ts';
import { httpsLatency } from '#shared/node/relay/latency.ts';
import type { DerpMap, DerpNode, DerpRegion } from '#shared/wire/map.ts';

interface Report {
  readonly Info: string[];
  readonly Warnings: string[];
  readonly Errors: string[];
}

const NODE_TIMEOUT_MS = 10_000;

/** By number or by code. */
function find(map: DerpMap, wanted: string): DerpRegion | undefined {
  const regions = Object.values(map.Regions ?? {}).filter((region) => region !== null);
  return regions.find(({ RegionID, RegionCode }) => String(RegionID) === wanted || RegionCode === wanted);
}

export async function probeRegion(
  { dial, clock }: { readonly dial: RelayDial; readonly clock: Clock },
  map: DerpMap,
  wanted: string,
  signal: AbortSignal,
): Promise<Report> {
  const report: Report = { Info: [], Warnings: [], Errors: [] };
  const region = find(map, wanted);
  if (region === undefined) {
    report.Errors.push(`no such region ${JSON.stringify(wanted)} in DERP map`);
    return report;
  }
  report.Info.push(`Region ${region.RegionID} == ${JSON.stringify(region.RegionCode)}`);
  if (Object.keys(map.Regions ?? {}).length === 1)
    report.Warnings.push(
      'Having only a single DERP region is a single point of failure and could hamper connectivity',
    );
  if (region.Avoid === true) report.Warnings.push('Region is marked with Avoid bit');
  const nodes = region.Nodes ?? [];
  if (nodes.length === 0) report.Errors.push('Region has no nodes defined');
  for (const node of nodes) await probeNode({ dial, clock, region, node, report }, signal);
  return report;
}

interface NodeProbe {
  readonly dial: RelayDial;
  readonly clock: Clock;
  readonly region: DerpRegion;
  readonly node: DerpNode;
  readonly report: Report;
}

async function probeNode(
  { dial, clock, region, node, report }: NodeProbe,
  signal: AbortSignal,
): Promise<void> {
  const name = JSON.stringify(node.HostName);
  if (node.STUNOnly === true) {
    report.Info.push(`Node ${name} is marked STUNOnly; skipped non-STUN checks`);
    return;
  }
  const late = new AbortController();
  const cancel = clock.after(NODE_TIMEOUT_MS, () => late.abort());
  const limit = AbortSignal.any([signal, late.signal]);
  try {
    const { latencyMs, ip } = await httpsLatency(dial, clock)({ ...region, Nodes: [node] }, limit);
    report.Info.push(`Node ${name} answers over TLS at ${ip} in ${latencyMs.toFixed(1)} ms`);
  } catch (error) {
    signal.throwIfAborted();
    const why = late.signal.aborted
      ? `no answer in ${NODE_TIMEOUT_MS / 1_000} s`
      : toRhumbError(error).message;
    report.Errors.push(`Error connecting to node ${name}: ${why}`);
  } finally {
    cancel();
  }
}
