/** Relay maps as other coordination servers keep them in files: YAML with every key in lower case. */
import { parse } from 'yaml';
import { derpNode, derpRegion } from '#shared/wire/map.ts';

/** As the wire writes them, by how the files do. */
const NAMES: ReadonlyMap<string, string> = new Map(
  [
    ...['Regions', 'HomeParams', 'RegionScore', 'omitDefaultRegions', 'Latitude', 'Longitude'],
    ...Object.keys(derpRegion.shape),
    ...Object.keys(derpNode.shape),
  ].map((name) => [name.toLowerCase(), name]),
);

/** JSON is the wire's own form, in which nothing is taken for something else. Throws what the parser says. */
export function readMapText(text: string): unknown {
  if (/^\s*\{/.test(text)) return JSON.parse(text);
  const value: unknown = parse(text, { maxAliasCount: 100 });
  if (typeof value !== 'object' || value === null) throw new Error('it holds no keys');
  return wireKeys(value);
}

function wireKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(wireKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [NAMES.get(key.toLowerCase()) ?? key, wireKeys(inner)]),
  );
}
