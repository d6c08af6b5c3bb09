/** Extra records as machines can be told them: which go to every machine, which only a DNS server can answer, and what won't work. */
import { isWithin, nearestSuffix } from './names.ts';
import { type ExtraRecord, isAddress, isWildcard } from './record.ts';

export interface ZoneInput {
  /** What machines resolve themselves; undefined while MagicDNS is off. */
  readonly ownDomain: string | undefined;
  /** In order of precedence where they clash. */
  readonly records: readonly ExtraRecord[];
  /** Domains that split DNS sends to other servers. */
  readonly routed: ReadonlySet<string>;
  readonly hasResponder: boolean;
  /** Of a machine of the network, by its whole name. */
  readonly addressesOf: (name: string) => readonly string[] | undefined;
}

export interface WireRecord {
  readonly Name: string;
  readonly Type: 'A' | 'AAAA';
  readonly Value: string;
}

export interface Zone {
  readonly records: readonly WireRecord[];
  /** Suffixes that machines answer from the records alone. */
  readonly local: readonly string[];
  /** Suffixes that machines send to the responder. */
  readonly toResponder: readonly string[];
  /** Whole names of machines that stand for everything below them too; clients can be told that. */
  readonly wideMachines: readonly string[];
  readonly warnings: readonly string[];
}

/** A chain of aliases longer than this is a slip; resolvers give up about there too. */
const MAX_ALIASES = 8;

type Flattened = { readonly addresses: readonly string[] } | { readonly problem: string };

export function buildZone(input: ZoneInput): Zone {
  const byName = Map.groupBy(input.records, ({ name }) => name);
  const warnings: string[] = [];
  const records: WireRecord[] = [];
  const toResponder = new Set<string>();
  const plain: string[] = [];
  const wideMachines: string[] = [];
  for (const [name, mine] of byName) {
    const wide = wideMachine(input, byName, name, mine);
    if (wide !== undefined) {
      wideMachines.push(wide);
      continue;
    }
    const outcome = flatten(input, byName, mine);
    if ('addresses' in outcome) {
      plain.push(name);
      for (const value of outcome.addresses) records.push(wireRecord(name, value));
      continue;
    }
    const suffix = name.replace(/^\*\./, '');
    if (input.ownDomain !== undefined && isWithin(name, input.ownDomain))
      warnings.push(
        `${name}: ${outcome.problem}, and machines answer names in ${input.ownDomain} themselves: put it into another domain`,
      );
    else if (input.routed.has(suffix))
      warnings.push(`${name}: ${outcome.problem}, and splitDns sends ${suffix} to other nameservers`);
    else if (input.hasResponder) toResponder.add(suffix);
    else warnings.push(`${name}: ${outcome.problem}: only a DNS server can answer that, see dns.responder`);
  }
  for (const suffix of toResponder)
    if (nearestSuffix(parentOf(suffix), toResponder) !== undefined) toResponder.delete(suffix);
  const local = localSuffixes(input, plain, toResponder, warnings);
  warnings.push(...shadowedRoutes(input));
  return {
    records,
    local,
    toResponder: [...toResponder],
    wideMachines,
    warnings,
  };
}

const wireRecord = (name: string, value: string): WireRecord => ({
  Name: name,
  Type: value.includes(':') ? 'AAAA' : 'A',
  Value: value,
});

/** The machine that `*.machine` stands for, when that is exactly what the records say. */
function wideMachine(
  input: ZoneInput,
  byName: ReadonlyMap<string, readonly ExtraRecord[]>,
  name: string,
  mine: readonly ExtraRecord[],
): string | undefined {
  const host = name.slice(2);
  if (!name.startsWith('*.') || input.ownDomain === undefined || !isWithin(host, input.ownDomain))
    return undefined;
  const addresses = input.addressesOf(host);
  const meant = flatten(
    input,
    byName,
    mine.map((record) => ({ ...record, name: host })),
  );
  if (addresses === undefined || 'problem' in meant) return undefined;
  return meant.addresses.every((one) => addresses.includes(one)) ? host : undefined;
}

/** The addresses that a name comes to when machines can be told all of it. */
function flatten(
  input: ZoneInput,
  byName: ReadonlyMap<string, readonly ExtraRecord[]>,
  mine: readonly ExtraRecord[],
): Flattened {
  const [first] = mine;
  if (first === undefined) return { addresses: [] };
  if (isWildcard(first)) return { problem: 'machines know no wildcards' };
  const other = mine.find((record) => !isAddress(record) && record.type !== 'CNAME');
  if (other !== undefined) return { problem: `machines know no ${other.type} records` };
  const addresses = new Set<string>();
  for (const record of mine) {
    if (isAddress(record)) addresses.add(record.value);
    else {
      const found = follow(input, byName, record);
      if ('problem' in found) return found;
      for (const one of found.addresses) addresses.add(one);
    }
  }
  return { addresses: [...addresses] };
}

function follow(
  input: ZoneInput,
  byName: ReadonlyMap<string, readonly ExtraRecord[]>,
  start: ExtraRecord,
): Flattened {
  let target = start.value;
  for (let aliases = 0; aliases < MAX_ALIASES; aliases += 1) {
    const found = byName.get(target) ?? [];
    const addresses = found.filter(isAddress).map(({ value }) => value);
    if (addresses.length > 0) return { addresses };
    const alias = found.find(({ type }) => type === 'CNAME');
    if (alias === undefined) {
      const machine = input.addressesOf(target);
      return machine === undefined
        ? { problem: `${target} is neither a machine of the network nor a record here` }
        : { addresses: machine };
    }
    target = alias.value;
  }
  return { problem: `its aliases go round or are more than ${MAX_ALIASES}` };
}

/**
 * Clients answer for a name of their own accord only in a suffix that is routed nowhere. The narrowest such suffix is the name
 * itself: a wider one would take the rest of somebody's domain from the machines. It still takes what is below the name.
 */
function localSuffixes(
  input: ZoneInput,
  names: readonly string[],
  toResponder: Set<string>,
  warnings: string[],
): readonly string[] {
  const local: string[] = [];
  const above = new Map([...input.routed, ...toResponder].flatMap((suffix) => ancestors(suffix, suffix)));
  for (const name of names) {
    if (input.ownDomain !== undefined && isWithin(name, input.ownDomain)) {
      if (input.addressesOf(name) !== undefined) warnings.push(`${name}: hides the machine of that name`);
      continue;
    }
    const route = nearestSuffix(name, input.routed);
    if (route !== undefined && nearestSuffix(name, toResponder) === undefined) {
      warnings.push(`${name}: hides what the nameservers of ${route} (splitDns) say about it`);
      continue;
    }
    if (nearestSuffix(name, toResponder) !== undefined) continue;
    const below = above.get(name);
    if (below === undefined) local.push(name);
    else if (input.hasResponder) toResponder.add(name);
    else
      warnings.push(
        `${name}: is not told to machines as theirs to answer, or ${below} below it would be cut off`,
      );
  }
  const whole = new Set(local);
  return local.filter((name) => {
    return nearestSuffix(parentOf(name), whole) === undefined;
  });
}

const parentOf = (name: string): string => name.slice(name.indexOf('.') + 1 || name.length);

/** `suffix` and each domain it is in, with what it is looked up for. */
function ancestors(suffix: string, what: string): [name: string, what: string][] {
  const all: [string, string][] = [];
  for (let name = suffix; name !== ''; name = parentOf(name)) all.push([name, what]);
  return all;
}

/** A domain below one that machines answer themselves is never asked for (official clients look at those first). */
const shadowedRoutes = ({ ownDomain, routed }: ZoneInput): readonly string[] =>
  ownDomain === undefined
    ? []
    : [...routed]
        .filter((suffix) => isWithin(suffix, ownDomain))
        .map(
          (suffix) =>
            `splitDns ${suffix}: machines answer names in ${ownDomain} themselves and never ask these nameservers`,
        );
