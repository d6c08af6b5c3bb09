/** The answers of a DNS message in words. */
import { type Answer as Decoded, decode } from 'dns-packet';
import { RhumbError } from '../errors.ts';

export interface Answer {
  readonly Name: string;
  readonly TTL: number;
  readonly Class: string;
  readonly Type: string;
  readonly Body: string;
}

/** Scripts know the codes by these names. */
const CODES: readonly string[] = [
  'RCodeSuccess',
  'RCodeFormatError',
  'RCodeServerFailure',
  'RCodeNameError',
  'RCodeNotImplemented',
  'RCodeRefused',
];
const CLASSES: Readonly<Record<string, string>> = {
  IN: 'ClassINET',
  CS: 'ClassCSNET',
  CH: 'ClassCHAOS',
  HS: 'ClassHESIOD',
  ANY: 'ClassANY',
};

const HEADER_BYTES = 12;

/** `answers` is undefined unless the query succeeded. */
export function readAnswer(bytes: Uint8Array): {
  readonly code: string;
  readonly answers: readonly Answer[] | undefined;
} {
  const flags = bytes[3];
  if (bytes.length < HEADER_BYTES || flags === undefined)
    throw new RhumbError('protocol', 'failed to parse DNS response: it is too short');
  const rcode = flags & 0x0f;
  const code = CODES[rcode] ?? String(rcode);
  if (rcode !== 0) return { code, answers: undefined };
  try {
    return { code, answers: (decode(Buffer.from(bytes)).answers ?? []).flatMap(answer) };
  } catch (error) {
    throw new RhumbError('protocol', 'failed to parse DNS answers', { cause: error });
  }
}

const absolute = (name: string): string => (name.endsWith('.') ? name : `${name}.`);

function answer(record: Decoded): readonly Answer[] {
  // EDNS is of the message, not an answer.
  if (record.type === 'OPT') return [];
  const { class: given = 'IN' } = record;
  return [
    {
      Name: absolute(record.name),
      TTL: record.ttl ?? 0,
      Class: CLASSES[given] ?? given,
      Type: `Type${record.type}`,
      Body: body(record),
    },
  ];
}

function body(record: Exclude<Decoded, { readonly type: 'OPT' }>): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return record.data;
    case 'CNAME':
    case 'NS':
    case 'PTR':
    case 'DNAME':
      return absolute(record.data);
    case 'MX':
      return `${absolute(record.data.exchange)} (Priority=${record.data.preference ?? 0})`;
    case 'SRV': {
      const { target, port, priority = 0, weight = 0 } = record.data;
      return `Target=${absolute(target)}, Port=${port}, Priority=${priority}, Weight=${weight}`;
    }
    case 'TXT':
      return `[${[record.data].flat().map(quoted).join(' ')}]`;
    case 'SOA': {
      const { mname, rname, serial = 0 } = record.data;
      return `${absolute(mname)} ${absolute(rname)} Serial=${serial}`;
    }
    default:
      return JSON.stringify(record.data);
  }
}

const quoted = (text: string | Buffer): string => JSON.stringify(text.toString('utf8'));
