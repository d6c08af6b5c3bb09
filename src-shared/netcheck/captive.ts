/** Is somebody between us and the web who wants a log-in first? Asks servers that answer nothing but 204 (nat-traversal.md §2.5). */
import type { Clock } from '../async/clock.ts';
import type { DerpMap } from '../wire/map.ts';
import { hostOf, regionsOf } from './relay-map.ts';

const LIMIT_MS = 3_000;
const MAX_ENDPOINTS = 5;
const MAX_INTERFACES = 16;
const PATH = '/generate_204';

export interface CaptiveEndpoint {
  /** `host` or `host:port`, as the URL has it. */
  readonly host: string;
  /** Relays prove that it was they who answered. */
  readonly isRelay: boolean;
}

export interface HttpReply {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
}

/** One GET without following redirects; rejects when no answer came. `from` is the address to connect from. */
export type HttpGet = (
  url: string,
  options: {
    readonly headers: Readonly<Record<string, string>>;
    readonly from: string;
    readonly signal: AbortSignal;
  },
) => Promise<HttpReply>;

export interface LocalInterface {
  readonly name: string;
  readonly ip4: string;
}

export interface CaptiveDeps {
  readonly clock: Clock;
  readonly get: HttpGet;
  /** Those that are up and have an IPv4 address. */
  readonly interfaces: () => readonly LocalInterface[];
  /** Further servers that answer 204 to anyone, such as the coordination server; the relays of the map come before them. */
  readonly hosts?: readonly string[] | undefined;
  readonly platform: string;
}

/** The home region first, so that the answer comes from near. By address: names do not work behind a portal. */
export function captiveEndpoints(
  map: DerpMap,
  home: number,
  hosts: readonly string[],
): readonly CaptiveEndpoint[] {
  const relays = regionsOf(map)
    .filter(({ Avoid, NoMeasureNoHome }) => Avoid !== true && NoMeasureNoHome !== true)
    .sort((a, b) => Number(b.RegionID === home) - Number(a.RegionID === home))
    .flatMap(({ Nodes }) => Nodes ?? [])
    .flatMap((node) => {
      const host = node.CanPort80 === true ? hostOf(node, 4) : undefined;
      return host !== undefined && 'ip' in host ? [{ host: host.ip, isRelay: true }] : [];
    });
  return [...relays, ...hosts.map((host) => ({ host, isRelay: false }))].slice(0, MAX_ENDPOINTS);
}

export const challengeOf = ({ host }: CaptiveEndpoint): string => `ts_${host}`;

export function looksCaptive(endpoint: CaptiveEndpoint, reply: HttpReply): boolean {
  if (reply.status !== 204) return true;
  return endpoint.isRelay && reply.header('x-tailscale-response') !== `response ${challengeOf(endpoint)}`;
}

const TUNNELS = ['tailscale', 'rhumb', 'tun', 'tap', 'docker', 'kube', 'wg', 'ipsec'];
const MORE_TUNNELS: Readonly<Record<string, readonly string[]>> = {
  win32: ['loopback', 'tunnel', 'ppp', 'isatap', 'teredo', '6to4'],
  darwin: ['pdp', 'awdl', 'bridge', 'ap', 'utun', 'llw', 'anpi', 'lo', 'stf', 'gif', 'xhc', 'pktap'],
  android: ['rmnet', 'p2p', 'dummy', 'sit'],
};

/** No portal is found on tunnels and bridges, and none is worth the cost of mobile data. */
export const mayBeCaptive = (name: string, platform: string): boolean =>
  ![...TUNNELS, ...(MORE_TUNNELS[platform] ?? [])].some((prefix) => name.toLowerCase().startsWith(prefix));

/**
 * True as soon as one answer is not what the server sends. Errors and silence are no portal; undefined when there was nobody
 * to ask or `signal` ended it.
 */
export async function detectCaptive(
  deps: CaptiveDeps,
  map: DerpMap,
  home: number,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const endpoints = captiveEndpoints(map, home, deps.hosts ?? []);
  const interfaces = deps
    .interfaces()
    .filter(({ name }) => mayBeCaptive(name, deps.platform))
    .slice(0, MAX_INTERFACES);
  if (endpoints.length === 0 || interfaces.length === 0) return undefined;
  const limit = new AbortController();
  const cancel = deps.clock.after(LIMIT_MS, () => limit.abort());
  const either = AbortSignal.any([signal, limit.signal]);
  try {
    const asked = interfaces.flatMap(({ ip4 }) =>
      endpoints.map(async (endpoint) => {
        if (await isCaptiveAt(deps, endpoint, ip4, either)) return true;
        throw new Error('no portal here');
      }),
    );
    // The first that finds one decides; any() rejects only when all say no.
    return await Promise.any(asked).catch(() => (signal.aborted ? undefined : false));
  } finally {
    cancel();
    limit.abort();
  }
}

async function isCaptiveAt(
  deps: CaptiveDeps,
  endpoint: CaptiveEndpoint,
  from: string,
  signal: AbortSignal,
): Promise<boolean> {
  const headers: Record<string, string> = {
    'Cache-Control': 'no-cache, no-store, must-revalidate, no-transform, max-age=0',
  };
  if (endpoint.isRelay) headers['X-Tailscale-Challenge'] = challengeOf(endpoint);
  const url = `http://${endpoint.host}${PATH}?t=${Math.floor(deps.clock.now() / 1_000)}`;
  return looksCaptive(endpoint, await deps.get(url, { headers, from, signal }));
}
