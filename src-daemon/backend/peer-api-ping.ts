/** The ping of type `peerapi`: a HEAD of the peer's PeerAPI, through the kernel and the tunnel. */
import { request } from 'node:http';
import type { Clock } from '#shared/async/clock.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { PingResult } from '#shared/localapi/misc.ts';

export interface PeerApiTarget {
  /** Our address in the same IP version. */
  readonly own: string;
  /** `http://<ip>:<port>`. */
  readonly peerApi: string | undefined;
}

export async function pingPeerApi(
  { peerApi }: PeerApiTarget,
  clock: Clock,
  signal: AbortSignal,
): Promise<Partial<PingResult>> {
  if (peerApi === undefined) return { Err: 'the peer offers no PeerAPI' };
  const sentMs = clock.monotonic();
  try {
    const status = await head(peerApi, signal);
    if (status !== 200) return { Err: `HTTP status ${status}` };
  } catch (error) {
    signal.throwIfAborted();
    return { Err: `the PeerAPI at ${peerApi} does not answer: ${toRhumbError(error).message}` };
  }
  return { LatencySeconds: (clock.monotonic() - sentMs) / 1_000, PeerAPIURL: peerApi };
}

const head = (url: string, signal: AbortSignal): Promise<number> =>
  new Promise((resolve, reject) => {
    const asked = request(url, { method: 'HEAD', agent: false, signal }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.once('error', reject);
    asked.end();
  });
