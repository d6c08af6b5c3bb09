/** What the responder knows, laid out for looking up: owners of records, the names between them, and the zones they are in. */
import { isWithin, nearestSuffix } from '../names.ts';
import { type ExtraRecord, recordKey } from '../record.ts';

export interface ZoneData {
  /** The responder is authoritative for these and all below. */
  readonly zones: ReadonlySet<string>;
  /** Host name that stands in NS and SOA records. */
  readonly nameServer: string;
  readonly serial: number;
  readonly owners: ReadonlyMap<string, readonly ExtraRecord[]>;
  /** Owners and every name above one, which exist without records of their own (RFC 8020). */
  readonly existing: ReadonlySet<string>;
  /** Of a machine of the network, to which aliases lead. */
  readonly addressesOf: (name: string) => readonly string[] | undefined;
}

export interface ZoneDataInput {
  readonly zones: Iterable<string>;
  readonly nameServer: string;
  readonly serial: number;
  readonly records: Iterable<ExtraRecord>;
  readonly addressesOf: (name: string) => readonly string[] | undefined;
}

export function zoneData(input: ZoneDataInput): ZoneData {
  const zones = new Set(input.zones);
  const owners = new Map<string, ExtraRecord[]>();
  const existing = new Set(zones);
  const seen = new Set<string>();
  for (const record of input.records) {
    const zone = nearestSuffix(record.name, zones);
    if (zone === undefined || seen.has(recordKey(record))) continue;
    seen.add(recordKey(record));
    const known = owners.get(record.name);
    if (known === undefined) owners.set(record.name, [record]);
    else known.push(record);
    for (let name = record.name; isWithin(name, zone) && name !== zone; name = parentOf(name))
      existing.add(name);
  }
  return { ...input, zones, owners, existing };
}

const parentOf = (name: string): string => name.slice(name.indexOf('.') + 1);

export type Found =
  | { readonly kind: 'records'; readonly records: readonly ExtraRecord[] }
  /** There is no such name. */
  | { readonly kind: 'nothing' };

/** The records that `name` has, its own or by the wildcard that covers it (RFC 4592 §3.3). */
export function lookUp(data: ZoneData, name: string, zone: string): Found {
  if (data.existing.has(name)) return { kind: 'records', records: data.owners.get(name) ?? [] };
  let encloser = parentOf(name);
  while (encloser !== zone && !data.existing.has(encloser)) encloser = parentOf(encloser);
  const wild = data.owners.get(`*.${encloser}`);
  if (wild === undefined) return { kind: 'nothing' };
  return { kind: 'records', records: wild.map((record) => ({ ...record, name })) };
}
