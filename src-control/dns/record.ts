/** Extra DNS records: what may be said under which type, in one canonical form. */
import { RhumbError } from '#shared/errors.ts';
import { formatIp, parseIp } from '#shared/ip/address.ts';
import type { DnsRecord } from '../store/records.ts';
import { canonicalName } from './names.ts';

export type RecordType = DnsRecord['type'];
export const RECORD_TYPES = ['A', 'AAAA', 'CNAME', 'TXT', 'SRV'] as const satisfies readonly RecordType[];

export interface ExtraRecord {
  /** May begin with `*.`, which stands for everything below that has no records of its own (RFC 4592). */
  readonly name: string;
  readonly type: RecordType;
  readonly value: string;
}

export interface GivenRecord {
  readonly name: string;
  /** Without it, A or AAAA by the value. */
  readonly type?: string | undefined;
  readonly value: string;
}

const MAX_TXT = 2_048;

/** `at` names the entry in errors. */
export function parseRecord(given: GivenRecord, at: string): ExtraRecord {
  const refuse = (why: string): never => {
    throw new RhumbError('bad-argument', `${at}: ${why}`);
  };
  const name = parseOwner(given.name, refuse);
  const type = parseType(given, refuse);
  return { name, type, value: parseValue(type, given.value, refuse) };
}

function parseOwner(text: string, refuse: (why: string) => never): string {
  const isWild = text.startsWith('*.');
  const rest = canonicalName(isWild ? text.slice(2) : text);
  if (rest === undefined)
    return refuse(
      text.includes('*')
        ? `"${text}": a wildcard stands for the whole first label, as in *.apps.example.com`
        : `"${text}" is not a domain name`,
    );
  if (!rest.includes('.'))
    return refuse(`"${text}": write the whole name, with the domain it is in, such as ${rest}.example.com`);
  return isWild ? `*.${rest}` : rest;
}

function parseType({ type, value }: GivenRecord, refuse: (why: string) => never): RecordType {
  if (type === undefined || type === '') {
    const ip = parseIp(value);
    if (ip === undefined)
      return refuse(`"${value}" is not an IP address: say the type (${RECORD_TYPES.join(', ')})`);
    return ip.length === 4 ? 'A' : 'AAAA';
  }
  const known = RECORD_TYPES.find((one) => one === type.toUpperCase());
  return known ?? refuse(`the type "${type}" is not supported: use ${RECORD_TYPES.join(', ')}`);
}

function parseValue(type: RecordType, value: string, refuse: (why: string) => never): string {
  switch (type) {
    case 'A':
    case 'AAAA': {
      const ip = parseIp(value);
      if (ip?.length !== (type === 'A' ? 4 : 16))
        return refuse(`"${value}" is not an IPv${type === 'A' ? 4 : 6} address, as type ${type} wants it`);
      return formatIp(ip);
    }
    case 'CNAME':
      return canonicalName(value) ?? refuse(`"${value}" is not a domain name, as type CNAME wants it`);
    case 'TXT':
      // Anything else would have to be escaped in some places and not in others.
      if (!/^[\x20-\x7e]+$/.test(value) || value.length > MAX_TXT)
        return refuse(`a TXT value is 1 to ${MAX_TXT} printable ASCII characters`);
      return value;
    case 'SRV': {
      const { priority, weight, port, target } = parseSrv(value) ?? refuse(srvForm(value));
      return `${priority} ${weight} ${port} ${target}`;
    }
    default:
      return type satisfies never;
  }
}

const srvForm = (value: string): string =>
  `"${value}" is not an SRV value: write PRIORITY WEIGHT PORT TARGET, such as 0 5 5060 sip.example.com`;

export interface Srv {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

export function parseSrv(value: string): Srv | undefined {
  const match = /^\s*(\d{1,5})\s+(\d{1,5})\s+(\d{1,5})\s+(\S+)\s*$/.exec(value);
  const [priority, weight, port] = [match?.[1], match?.[2], match?.[3]].map(Number);
  const target = canonicalName(match?.[4] ?? '');
  if (priority === undefined || weight === undefined || port === undefined || target === undefined)
    return undefined;
  return Math.max(priority, weight, port) <= 65_535 ? { priority, weight, port, target } : undefined;
}

export const isAddress = ({ type }: ExtraRecord): boolean => type === 'A' || type === 'AAAA';
export const isWildcard = ({ name }: ExtraRecord): boolean => name.startsWith('*.');
export const recordKey = ({ name, type, value }: ExtraRecord): string => `${name} ${type} ${value}`;

/** Why `record` can't stand beside the others; undefined when it can. A name with a CNAME has nothing else (RFC 1034 §3.6.2). */
export function clashWith(record: ExtraRecord, others: Iterable<ExtraRecord>): string | undefined {
  for (const other of others) {
    if (other.name !== record.name) continue;
    if (recordKey(other) === recordKey(record))
      return `${record.name} ${record.type} ${record.value} is there already`;
    if (record.type === 'CNAME')
      return `${record.name} has other records (${other.type}): a CNAME must be alone`;
    if (other.type === 'CNAME') return `${record.name} has a CNAME, and that must be alone`;
  }
  return undefined;
}
