/** One DNS query to one answer, without I/O: authoritative for its zones and nothing else (RFC 1034 §4.3.2, RFC 6891, RFC 8482). */
import packet, { type Answer, type DecodedPacket, type Packet, type Question } from 'dns-packet';
import { canonicalName, nearestSuffix } from '../names.ts';
import { type ExtraRecord, parseSrv } from '../record.ts';
import { lookUp, type ZoneData } from './zone-data.ts';

/** How long others may remember what we say; records change while machines look. */
export const TTL_SECONDS = 60;
/** What fits into a packet on every path (DNS flag day 2020). */
const EDNS_SIZE = 1_232;
const PLAIN_SIZE = 512;
const HEADER = 12;
const MAX_ALIASES = 8;
const TXT_CHUNK = 255;

const RCODE = { none: 0, format: 1, name: 3, notImplemented: 4, refused: 5, badVersion: 16 } as const;
const FLAG_TRUNCATED = 0x0200;
const FLAG_AUTHORITATIVE = 0x0400;
const FLAG_RECURSION_DESIRED = 0x0100;

export type Transport = 'udp' | 'tcp';

/** Undefined when nothing may be said, as to an answer, or to what is too short to be a message. */
export function answer(data: ZoneData, query: Uint8Array, transport: Transport): Uint8Array | undefined {
  const bytes = Buffer.from(query.buffer, query.byteOffset, query.byteLength);
  if (bytes.length < HEADER || (bytes.readUInt8(2) & 0x80) !== 0) return undefined;
  const opcode = (bytes.readUInt8(2) >> 3) & 0xf;
  if (opcode !== 0) return bare(bytes, RCODE.notImplemented);
  // Counts first: a queries' worth of names is decoded only where it can be one.
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at));
  if (questions !== 1 || answers !== 0 || authorities !== 0 || (additionals ?? 0) > 2)
    return bare(bytes, RCODE.format);
  let decoded: DecodedPacket;
  try {
    decoded = packet.decode(bytes);
  } catch {
    return bare(bytes, RCODE.format);
  }
  const [question] = decoded.questions ?? [];
  return question === undefined ? bare(bytes, RCODE.format) : respond(data, decoded, question, transport);
}

/** The same question with "ask by TCP": what a stranger's address gets who asks too often by UDP. */
export function truncated(query: Uint8Array): Uint8Array | undefined {
  const bytes = Buffer.from(query.buffer, query.byteOffset, query.byteLength);
  return bytes.length < HEADER || (bytes.readUInt8(2) & 0x80) !== 0
    ? undefined
    : bare(bytes, RCODE.none, FLAG_TRUNCATED);
}

/** A header that only says how it went. */
function bare(query: Buffer, rcode: number, flags = 0): Uint8Array {
  const reply = Buffer.alloc(HEADER);
  reply.writeUInt16BE(query.readUInt16BE(0), 0);
  // Opcode and "recursion desired" come back as they were.
  reply.writeUInt16BE(0x8000 | (query.readUInt16BE(2) & 0x7900) | flags | rcode, 2);
  return reply;
}

interface Said {
  readonly rcode: number;
  readonly isAuthoritative?: boolean;
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
}

function respond(data: ZoneData, query: DecodedPacket, question: Question, transport: Transport): Uint8Array {
  const opt = query.additionals?.find((one) => one.type === 'OPT');
  const said = opt !== undefined && opt.ednsVersion > 0 ? { rcode: RCODE.badVersion } : say(data, question);
  const size = opt === undefined ? PLAIN_SIZE : Math.max(PLAIN_SIZE, Math.min(opt.udpPayloadSize, EDNS_SIZE));
  const make = (isCut: boolean): Packet => ({
    id: query.id,
    type: 'response',
    flags:
      (said.rcode & 0xf) |
      (said.isAuthoritative === true ? FLAG_AUTHORITATIVE : 0) |
      (query.flag_rd ? FLAG_RECURSION_DESIRED : 0) |
      (isCut ? FLAG_TRUNCATED : 0),
    questions: [question],
    answers: isCut ? [] : [...(said.answers ?? [])],
    authorities: isCut ? [] : [...(said.authorities ?? [])],
    additionals:
      opt === undefined
        ? []
        : [
            {
              type: 'OPT',
              name: '.',
              udpPayloadSize: EDNS_SIZE,
              extendedRcode: said.rcode >> 4,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ],
  });
  const whole = packet.encode(make(false));
  const limit = transport === 'udp' ? size : 65_535;
  return whole.length <= limit ? whole : packet.encode(make(true));
}

function say(data: ZoneData, question: Question): Said {
  const name = canonicalName(question.name);
  const zone = name === undefined ? undefined : nearestSuffix(name, data.zones);
  if (question.class !== 'IN' || name === undefined || zone === undefined) return { rcode: RCODE.refused };
  const type: string = question.type;
  if (type === 'AXFR' || type === 'IXFR') return { rcode: RCODE.refused };
  const found = lookUp(data, name, zone);
  const nothing = { isAuthoritative: true, authorities: [soa(data, zone)] };
  if (found.kind === 'nothing') return { rcode: RCODE.name, ...nothing };
  const answers = [
    ...(name === zone ? atApex(data, zone, type) : []),
    ...follow(data, found.records, type, new Set([name])),
  ].map((one) => (one.name === name ? { ...one, name: question.name } : one));
  return answers.length === 0
    ? { rcode: RCODE.none, ...nothing }
    : { rcode: RCODE.none, isAuthoritative: true, answers };
}

const atApex = (data: ZoneData, zone: string, type: string): readonly Answer[] => {
  if (type === 'SOA' || type === 'ANY') return [soa(data, zone)];
  return type === 'NS'
    ? [{ type: 'NS', name: zone, ttl: TTL_SECONDS, class: 'IN', data: data.nameServer }]
    : [];
};

/** The records of the type, behind the aliases that lead to them: most who ask don't follow aliases themselves. */
function follow(
  data: ZoneData,
  records: readonly ExtraRecord[],
  type: string,
  seen: Set<string>,
): readonly Answer[] {
  // RFC 8482: who asks for everything gets something.
  const [first] = records;
  const wanted = type === 'ANY' ? (first?.type ?? type) : type;
  const direct = records.filter((record) => record.type === wanted).map(toAnswer);
  const alias = records.find((record) => record.type === 'CNAME');
  if (direct.length > 0 || alias === undefined || wanted === 'CNAME') return direct;
  // Round in a circle, or too far: what there is of it is all there is to say.
  if (seen.has(alias.value) || seen.size > MAX_ALIASES) return [toAnswer(alias)];
  return [toAnswer(alias), ...behind(data, alias.value, wanted, seen.add(alias.value))];
}

function behind(data: ZoneData, target: string, type: string, seen: Set<string>): readonly Answer[] {
  const zone = nearestSuffix(target, data.zones);
  const found = zone === undefined ? undefined : lookUp(data, target, zone);
  if (found?.kind === 'records' && found.records.length > 0) return follow(data, found.records, type, seen);
  return (data.addressesOf(target) ?? [])
    .map((value): ExtraRecord => ({ name: target, type: value.includes(':') ? 'AAAA' : 'A', value }))
    .filter((record) => record.type === type)
    .map(toAnswer);
}

const soa = (data: ZoneData, zone: string): Answer => ({
  type: 'SOA',
  name: zone,
  ttl: TTL_SECONDS,
  class: 'IN',
  data: {
    mname: data.nameServer,
    rname: `hostmaster.${zone}`,
    serial: data.serial,
    refresh: 3_600,
    retry: 600,
    expire: 86_400,
    minimum: TTL_SECONDS,
  },
});

function toAnswer({ name, type, value }: ExtraRecord): Answer {
  const common = { name, ttl: TTL_SECONDS, class: 'IN' } as const;
  switch (type) {
    case 'A':
    case 'AAAA':
    case 'CNAME':
      return { ...common, type, data: value };
    case 'TXT':
      return { ...common, type, data: chunks(value) };
    case 'SRV':
      return { ...common, type, data: parseSrv(value) ?? { port: 0, target: '.' } };
    default:
      return type satisfies never;
  }
}

/** A string of a TXT record holds 255 bytes; whoever reads it puts them together. */
const chunks = (text: string): string[] =>
  Array.from({ length: Math.ceil(text.length / TXT_CHUNK) }, (_, index) =>
    text.slice(index * TXT_CHUNK, (index + 1) * TXT_CHUNK),
  );
