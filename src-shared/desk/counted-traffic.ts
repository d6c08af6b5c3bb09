/** Traffic of a daemon that keeps no record: what its counters grew by, second after second, while somebody watches. */
import type { Clock } from '../async/clock.ts';
import type { TrafficSeries } from '../bridge/contract.ts';
import type { PeerStatus, Status } from '../localapi/status.ts';
import type { LocalApi } from '../node/localapi-client.ts';

export interface CountedOptions {
  readonly api: Pick<LocalApi, 'status'>;
  readonly clock: Clock;
  /** StableNodeID; undefined = all. */
  readonly device: string | undefined;
}

const SECOND_MS = 1_000;
/** Of a daemon with thousands of peers, which takes long to say what it counted. */
const COST_FACTOR = 10;

type Counts = ReadonlyMap<string, { readonly rx: number; readonly tx: number }>;

export async function* countedTraffic(
  { api, clock, device }: CountedOptions,
  signal: AbortSignal,
): AsyncGenerator<TrafficSeries, undefined> {
  let before: Counts | undefined;
  let beforeAt = clock.monotonic();
  while (true) {
    const began = clock.monotonic();
    const status = await api.status({ peers: true }, signal);
    const at = clock.monotonic();
    const peers = peersOf(status, device);
    yield grown(before, peers, { endMs: clock.now(), seconds: Math.max(1, (at - beforeAt) / SECOND_MS) });
    before = new Map(peers.map((peer) => [peer.ID, countsOf(peer)]));
    beforeAt = at;
    await clock.sleep(Math.max(SECOND_MS - (at - began), (at - began) * COST_FACTOR), signal);
  }
}

const peersOf = (status: Status, device: string | undefined): PeerStatus[] =>
  Object.values(status.Peer ?? {}).filter(({ ID }) => device === undefined || ID === device);

const countsOf = ({ RxBytes, TxBytes }: PeerStatus): { rx: number; tx: number } => ({
  rx: Number(RxBytes),
  tx: Number(TxBytes),
});

/** Without an earlier look nothing is known yet. A peer that counts from zero again has grown by what it counted. */
function grown(
  before: Counts | undefined,
  peers: readonly PeerStatus[],
  { endMs, seconds }: { readonly endMs: number; readonly seconds: number },
): TrafficSeries {
  if (before === undefined) return { endMs, direct: { in: [], out: [] }, relayed: { in: [], out: [] } };
  const sums = { direct: { in: 0, out: 0 }, relayed: { in: 0, out: 0 } };
  for (const peer of peers) {
    const now = countsOf(peer);
    const last = before.get(peer.ID) ?? { rx: 0, tx: 0 };
    const sum = peer.CurAddr === '' ? sums.relayed : sums.direct;
    sum.in += now.rx >= last.rx ? now.rx - last.rx : now.rx;
    sum.out += now.tx >= last.tx ? now.tx - last.tx : now.tx;
  }
  const rate = (sum: number): number[] => [Math.round(sum / seconds)];
  return {
    endMs,
    direct: { in: rate(sums.direct.in), out: rate(sums.direct.out) },
    relayed: { in: rate(sums.relayed.in), out: rate(sums.relayed.out) },
  };
}
