/** A stretch of traffic on the local API: one line of JSON, the past first and then each new second. */
import { type TrafficSeries, trafficSeries } from '../bridge/contract.ts';
import { RhumbError } from '../errors.ts';

export const NO_TRAFFIC = (endMs: number): TrafficSeries => ({
  endMs,
  direct: { in: [], out: [] },
  relayed: { in: [], out: [] },
});

export function readTraffic(line: string): TrafficSeries {
  try {
    return trafficSeries.parse(JSON.parse(line));
  } catch (error) {
    throw new RhumbError('protocol', "rhumb/traffic: the daemon's reply is malformed", { cause: error });
  }
}
