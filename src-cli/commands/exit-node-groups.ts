/** Exit nodes by country and city, the best of each place (localapi-and-daemon.md §4.9). */
import type { PeerStatus } from '#shared/localapi/status.ts';

export interface City {
  readonly name: string;
  readonly peers: readonly PeerStatus[];
}
export interface Country {
  /** '' for machines whose place is not known. */
  readonly name: string;
  readonly cities: readonly City[];
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const priority = (peer: PeerStatus): number => peer.Location?.Priority ?? 0;
const best = (peers: readonly PeerStatus[]): readonly PeerStatus[] =>
  [...peers].sort((a, b) => priority(b) - priority(a));

/** In order of country, then of city; a country with several cities begins with its best machine, under `Any`. */
export function groupExitNodes(peers: readonly PeerStatus[], filter: string): readonly Country[] {
  const wanted = filter.toLowerCase();
  const shown = peers
    .filter((peer) => filter === '' || (peer.Location?.Country ?? '').toLowerCase() === wanted)
    .sort((a, b) => byText(a.DNSName, b.DNSName));
  const countries = Map.groupBy(shown, (peer) => peer.Location?.CountryCode ?? '');
  return [...countries.values()]
    .map((group) => country(group, filter !== ''))
    .sort((a, b) => byText(a.name, b.name));
}

function country(peers: readonly PeerStatus[], showsAll: boolean): Country {
  const name = peers[0]?.Location?.Country ?? '';
  const groups = [...Map.groupBy(peers, (peer) => peer.Location?.CityCode ?? '').values()];
  const cities = groups
    .map((group): City => ({ name: group[0]?.Location?.City ?? '', peers: group }))
    .sort((a, b) => byText(a.name, b.name));
  if (name === '') return { name, cities };
  const reduced = cities.map((city): City => {
    const sorted = best(city.peers);
    return {
      name: city.name,
      peers: showsAll ? sorted : sorted.filter((peer, at) => at === 0 || peer.ExitNode),
    };
  });
  const any: City = { name: 'Any', peers: best(reduced.flatMap((city) => city.peers)).slice(0, 1) };
  return { name, cities: reduced.length > 1 ? [any, ...reduced] : reduced };
}
