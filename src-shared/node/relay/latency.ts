/** How far a relay is by HTTPS, where UDP does not get through: one small request on a connection that is already made (nat-traversal.md §2.5). */
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../async/clock.ts';
import { RhumbError } from '../../errors.ts';
import { formatIp, parseIp, unmap } from '../../ip/address.ts';
import type { DerpRegion } from '../../wire/map.ts';
import { netErrorText } from '../net-error.ts';
import type { RelayDialRequest, RelaySocket } from './dial.ts';
import { portOf } from './tcp-race.ts';

const PATH = '/derp/latency-check';
const HTTPS_PORT = 443;
const MAX_HEADER_BYTES = 16 * 1_024;
const MAX_BODY_BYTES = 8 * 1_024;

export interface HttpsLatency {
  readonly latencyMs: number;
  /** The address that answered. */
  readonly ip: string;
}

/** A dialler of relays, as far as it is needed here. */
export type LatencyDial = (
  request: RelayDialRequest,
  signal: AbortSignal,
) => Promise<Pick<RelaySocket, 'node' | 'remoteIp'> & { readonly socket: Duplex }>;

/** For a network check: dials the region's first reachable relay and times one request. */
export const httpsLatency =
  (dial: LatencyDial, clock: Clock) =>
  async (region: DerpRegion, signal: AbortSignal): Promise<HttpsLatency> => {
    const nodes = (region.Nodes ?? []).filter(({ STUNOnly }) => STUNOnly !== true);
    const { socket, node, remoteIp } = await dial({ region, nodes, prefersIpv6: false }, signal);
    try {
      const ip = parseIp(remoteIp ?? '');
      if (ip === undefined) throw new RhumbError('internal', `relay ${node.Name} has no address`);
      const port = portOf(node);
      const host = port === HTTPS_PORT ? node.HostName : `${node.HostName}:${port}`;
      const latencyMs = await timeRequest({ socket, host, clock, name: node.Name }, signal);
      return { latencyMs, ip: formatIp(unmap(ip)) };
    } finally {
      socket.destroy();
    }
  };

interface Timed {
  readonly socket: Duplex;
  readonly host: string;
  readonly clock: Clock;
  readonly name: string;
}

/** Anything but success comes from somebody in between, whose distance is of no interest. */
function timeRequest({ socket, host, clock, name }: Timed, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (why: string, cause?: unknown): void =>
      reject(new RhumbError('unavailable', `ask relay ${name} for its latency: ${why}`, { cause }));
    const outgoing = request(
      {
        createConnection: () => socket,
        path: PATH,
        headers: { host },
        maxHeaderSize: MAX_HEADER_BYTES,
        signal,
      },
      (incoming) => {
        const latencyMs = clock.monotonic() - startMs;
        const status = incoming.statusCode ?? 0;
        let size = 0;
        incoming.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > MAX_BODY_BYTES) refuse('its answer is too long');
        });
        incoming.on('error', (error) => refuse(netErrorText(error), error));
        incoming.on('end', () => {
          if (status >= 200 && status <= 299) resolve(latencyMs);
          else refuse(`it answers ${status}`);
        });
      },
    );
    outgoing.on('error', (error) =>
      signal.aborted ? reject(signal.reason) : refuse(netErrorText(error), error),
    );
    const startMs = clock.monotonic();
    outgoing.end();
  });
}
