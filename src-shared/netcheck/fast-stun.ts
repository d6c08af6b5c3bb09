/** Asks two relays at most for our address, to have a fresh one within a round trip (nat-traversal.md §11.2). */
import type { Clock } from '../async/clock.ts';
import type { SockAddr } from '../ip/address.ts';
import type { DerpMap } from '../wire/map.ts';
import type { NodeAddrs } from './node-addrs.ts';
import { type Family, hostOf, measurable, type RelayNode, type RelayRegion, stunPort } from './relay-map.ts';
import { familyOf, type Latencies, type MappingSample, varies } from './report.ts';
import type { Transactions } from './transactions.ts';

/** Peers wait for the addresses: later they are of no use. */
const LIMIT_MS = 1_000;
const TRIES = 3;
const RETRANSMIT_MS = 200;
const OVERDUE = 1.2;

export interface FastStunDeps {
  readonly clock: Clock;
  readonly transactions: Transactions;
  readonly addrs: NodeAddrs;
  readonly send: (to: SockAddr, datagram: Uint8Array) => boolean;
  readonly canSend: (family: Family) => boolean;
}

export interface FastStunRequest {
  readonly map: DerpMap;
  /** 0 = none. */
  readonly home: number;
  /** Called for each address that is new in this call, the first as soon as one relay answers. */
  readonly onFound?: ((addr: SockAddr) => void) | undefined;
}

export interface FastStunResult {
  /** In the order in which they came. */
  readonly v4: readonly SockAddr[];
  readonly v6: readonly SockAddr[];
  readonly mappingVariesByDestIp: boolean | undefined;
  readonly mappings: readonly MappingSample[];
}

interface Target {
  readonly region: number;
  readonly family: Family;
  readonly node: RelayNode;
}

/** The home and the nearest other server, by IPv4; the home by IPv6 too, where it can be asked. */
export function fastTargets(
  { map, home }: FastStunRequest,
  latencies: Latencies,
  canSend: (family: Family) => boolean,
): readonly Target[] {
  const far = Number.POSITIVE_INFINITY;
  const distance = ({ RegionID }: RelayRegion): number =>
    RegionID === home ? -1 : (latencies.get(RegionID) ?? far);
  const regions = [...measurable(map)].sort((a, b) => {
    const [one, other] = [distance(a), distance(b)];
    return one === other ? a.RegionID - b.RegionID : one - other;
  });
  const all = (family: Family): Target[] =>
    !canSend(family)
      ? []
      : regions.flatMap(({ RegionID, Nodes }) =>
          (Nodes ?? [])
            .filter((node) => stunPort(node) !== undefined && hostOf(node, family) !== undefined)
            .map((node) => ({ region: RegionID, family, node })),
        );
  const [first, ...others] = all(4);
  // Another region is better than another node of the same: it fails for other reasons.
  const second = others.find(({ region }) => region !== first?.region) ?? others[0];
  return [first, second, all(6)[0]].filter((target) => target !== undefined);
}

/** Resolves when all have answered or after a second; rejects only when aborted. */
export async function fastStun(
  deps: FastStunDeps,
  request: FastStunRequest,
  latencies: Latencies,
  signal: AbortSignal,
): Promise<FastStunResult> {
  signal.throwIfAborted();
  const found: { v4: SockAddr[]; v6: SockAddr[] } = { v4: [], v6: [] };
  const mappings: MappingSample[] = [];
  let isVarying: boolean | undefined;
  const note = (server: SockAddr, mapped: SockAddr, atMs: number): void => {
    const list = familyOf(mapped) === 4 ? found.v4 : found.v6;
    if (familyOf(mapped) === 4) isVarying = varies(mappings, { server, mapped }, isVarying);
    mappings.push({ server, mapped, atMs });
    if (list.some(({ ip, port }) => ip === mapped.ip && port === mapped.port)) return;
    list.push(mapped);
    request.onFound?.(mapped);
  };
  const done = new AbortController();
  const cancel = deps.clock.after(LIMIT_MS, () => done.abort());
  const either = AbortSignal.any([signal, done.signal]);
  try {
    const targets = fastTargets(request, latencies, deps.canSend);
    await Promise.all(targets.map((target) => ask(deps, target, latencies, note, either)));
    signal.throwIfAborted();
    return { ...found, mappingVariesByDestIp: isVarying, mappings };
  } finally {
    cancel();
    done.abort();
  }
}

type Note = (server: SockAddr, mapped: SockAddr, atMs: number) => void;

/** Resolves with its answer, or when the signal aborts. */
async function ask(
  deps: FastStunDeps,
  target: Target,
  latencies: Latencies,
  note: Note,
  signal: AbortSignal,
): Promise<void> {
  const addr = deps.addrs.stun(target.node, target.family);
  const to = addr instanceof Promise ? await addr : addr;
  if (to === undefined || signal.aborted) return;
  const stepMs = (latencies.get(target.region) ?? RETRANSMIT_MS / OVERDUE) * OVERDUE;
  await new Promise<void>((resolve) => {
    const ends: (() => void)[] = [];
    const finish = (): void => {
      signal.removeEventListener('abort', finish);
      for (const end of ends) end();
      resolve();
    };
    signal.addEventListener('abort', finish, { once: true });
    const send = (): void => {
      const { request, forget } = deps.transactions.open(to, (mapped, atMs) => {
        note(to, mapped, atMs);
        finish();
      });
      ends.push(forget);
      // Refused now may work in a moment (a link that comes up): the next try is made all the same.
      if (!deps.send(to, request)) forget();
    };
    for (let nth = 1; nth < TRIES; nth++) ends.push(deps.clock.after(nth * stepMs, send));
    send();
  });
}
