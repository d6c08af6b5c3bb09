/** Which exit node is likely the best for this machine (localapi-and-daemon.md §3.11). */
import type { Random } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { location as locationShape } from '#shared/localapi/status.ts';
import type { DerpRegion } from '#shared/wire/map.ts';
import type { Node } from '#shared/wire/node.ts';
import type { NetworkMap } from '../control/types.ts';
import { homeRegions } from '../underlay/home-region.ts';
import { hasCapability } from './capabilities.ts';
import { offersExit } from './peer-claims.ts';
import { homeRegion } from './plane-config.ts';
import { rendezvousHash } from './rendezvous.ts';

export type Location = ReturnType<typeof locationShape.parse>;

export interface ExitSuggestion {
  /** StableNodeID; empty = there is nobody to suggest. */
  readonly ID: string;
  readonly Name: string;
  readonly Location: Location | undefined;
}

export interface SuggestionInput {
  readonly map: NetworkMap | undefined;
  /** Region of our home relay; 0 = none yet. */
  readonly home: number;
  /** Seconds; undefined = not measured. */
  readonly latencyOf: (region: number) => number | undefined;
  /** What was suggested before: it stays as long as nothing is better. */
  readonly previous: string;
  readonly random: Random;
}

export const NO_SUGGESTION: ExitSuggestion = { ID: '', Name: '', Location: undefined };

/** Where two places are so near each other that what is known of them can't tell which is nearer: 1 ms of fibre. */
const SAME_PLACE_METRES = 100_000;
const EARTH_RADIUS_METRES = 6_371_000;

/** Throws `unavailable` as long as it can't be told. */
export function suggestExit(input: SuggestionInput): ExitSuggestion {
  const { map } = input;
  if (map === undefined) throw new RhumbError('unavailable', 'no network map, try again later');
  const candidates = [...map.peers.values()].filter((node) => isCandidate(node, map.self));
  if (hasCapability(map.self, 'traffic-steering')) return suggestion(steered(candidates, map.self));
  const hasRelays = homeRegions(map.derpMap).length > 0;
  if (hasRelays && (input.home === 0 || regionOf(map, input.home) === undefined))
    throw new RhumbError('unavailable', 'no preferred DERP, try again later');
  if (candidates.length <= 1) return suggestion(candidates[0]);
  const homed = candidates.filter((node) => homeRegion(node) !== undefined);
  // One that has a relay is reached in any case; the others are known by where they are only.
  const best = homed.length > 0 ? inNearestRegion(homed, input) : inNearestPlace(candidates, map, input.home);
  return suggestion(pick(best.length > 0 ? best : candidates, input));
}

/** The server gave it the right to be suggested, and says that it is there. */
function isCandidate(node: Node, self: Node): boolean {
  const isThere =
    node.Online === true ||
    (hasCapability(self, 'client-side-reachability') &&
      !hasCapability(self, 'client-side-reachability-routecheck'));
  return isThere && hasCapability(node, 'suggest-exit-node') && offersExit(node);
}

/** By the server's scores; equal ones are shared out among the machines that ask. */
function steered(candidates: readonly Node[], self: Node): Node | undefined {
  const score = (node: Node): number => locationOf(node)?.Priority ?? 0;
  const hash = rendezvousHash(self.ID);
  return [...candidates].sort((a, b) => {
    const [x, y] = [hash(a.ID), hash(b.ID)];
    return score(b) - score(a) || (x > y ? -1 : x < y ? 1 : 0);
  })[0];
}

function inNearestRegion(homed: readonly Node[], { latencyOf, random }: SuggestionInput): readonly Node[] {
  const regions = [...new Set(homed.map((node) => homeRegion(node) ?? 0))];
  const nearest = regions
    .map((region) => ({ region, seconds: latencyOf(region) }))
    .filter((one): one is { region: number; seconds: number } => one.seconds !== undefined)
    .sort((a, b) => a.seconds - b.seconds)[0]?.region;
  const chosen = nearest ?? any(regions, random);
  return homed.filter((node) => homeRegion(node) === chosen);
}

/** As seen from our home relay, which stands for where we are; of those about as near the ones that the server prefers. */
function inNearestPlace(candidates: readonly Node[], map: NetworkMap, home: number): readonly Node[] {
  const from = coordinates(regionOf(map, home));
  const placed = candidates.flatMap((node) => {
    const at = locationOf(node);
    return at === undefined ? [] : [{ node, priority: at.Priority, metres: distance(from, at) }];
  });
  const least = Math.min(...placed.map(({ metres }) => metres));
  const near = placed.filter(({ metres }) => metres <= least + SAME_PLACE_METRES);
  const priority = Math.max(...near.map((one) => one.priority));
  return near.filter((one) => one.priority === priority).map(({ node }) => node);
}

function pick(nodes: readonly Node[], { previous, random }: SuggestionInput): Node | undefined {
  return nodes.find(({ StableID }) => StableID === previous) ?? any(nodes, random);
}

const any = <T>(list: readonly T[], random: Random): T | undefined =>
  list[Math.floor(random() * list.length)];

const suggestion = (node: Node | undefined): ExitSuggestion =>
  node === undefined ? NO_SUGGESTION : { ID: node.StableID, Name: node.Name, Location: locationOf(node) };

const regionOf = (map: NetworkMap, region: number): DerpRegion | undefined =>
  map.derpMap?.Regions?.[String(region)] ?? undefined;

interface Place {
  readonly Latitude: number;
  readonly Longitude: number;
}

function coordinates(region: DerpRegion | undefined): Place {
  const number = (value: unknown): number =>
    typeof value === 'number' && Number.isFinite(value) ? value : 0;
  return { Latitude: number(region?.['Latitude']), Longitude: number(region?.['Longitude']) };
}

/** What the machine's host info says of where it is; undefined when it doesn't, or nonsense. */
export function locationOf({ Hostinfo }: Node): Location | undefined {
  const told = Hostinfo?.['Location'];
  if (told === undefined || told === null) return undefined;
  const parsed = locationShape.safeParse(told);
  return parsed.success ? parsed.data : undefined;
}

/** Along a great circle, in metres (haversine formula). */
function distance(a: Place, b: Place): number {
  const rad = (degrees: number): number => (degrees * Math.PI) / 180;
  const half = (from: number, to: number): number => Math.sin(rad(from - to) / 2) ** 2;
  const chord =
    half(a.Latitude, b.Latitude) +
    Math.cos(rad(a.Latitude)) * Math.cos(rad(b.Latitude)) * half(a.Longitude, b.Longitude);
  return 2 * EARTH_RADIUS_METRES * Math.asin(Math.min(1, Math.sqrt(chord)));
}
