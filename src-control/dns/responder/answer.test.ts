/** The responder's answers: its zones and nothing else, wildcards, aliases, sizes, and whatever bytes come in. */
import packet, { type DecodedPacket, type Packet, type RecordType } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRecord } from '../record.ts';
import { answer, type Transport, truncated } from './answer.ts';
import { type ZoneData, zoneData } from './zone-data.ts';

const RECORDS: readonly (readonly [name: string, type: string, value: string])[] = [
  ['*.apps.example.com', 'A', '100.64.0.7'],
  ['db.apps.example.com', 'TXT', 'the database'],
  ['a.b.apps.example.com', 'A', '100.64.0.8'],
  ['_sip._tcp.apps.example.com', 'SRV', '0 5 5060 sip.apps.example.com'],
  ['alias.apps.example.com', 'CNAME', 'node.net.example'],
  ['far.apps.example.com', 'CNAME', 'www.elsewhere.example'],
  ['round.apps.example.com', 'CNAME', 'round.apps.example.com'],
  ['long.apps.example.com', 'TXT', 'x'.repeat(1_800)],
];

const data: ZoneData = zoneData({
  zones: ['apps.example.com'],
  nameServer: 'ns.example.com',
  serial: 7,
  records: RECORDS.map(([name, type, value]) => parseRecord({ name, type, value }, name)),
  addressesOf: (name) => (name === 'node.net.example' ? ['100.64.0.1', 'fd7a::1'] : undefined),
});

function ask(
  name: string,
  type: RecordType | 'ANY',
  over: Partial<Packet> = {},
  transport: Transport = 'udp',
) {
  const query = packet.encode({
    id: 9,
    type: 'query',
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type: type as RecordType }],
    ...over,
  });
  const reply = answer(data, query, transport);
  if (reply === undefined) throw new Error('no answer');
  return { reply, ...(packet.decode(Buffer.from(reply)) as DecodedPacket & { rcode: string }) };
}
const values = (name: string, type: RecordType) =>
  (ask(name, type).answers ?? []).map((one) => ('data' in one ? [one.name, one.type, String(one.data)] : []));

describe('names', () => {
  test.each<[string, RecordType, string, number, number]>([
    ['x.apps.example.com', 'A', 'NOERROR', 1, 0],
    ['x.y.apps.example.com', 'A', 'NOERROR', 1, 0],
    ['x.apps.example.com', 'AAAA', 'NOERROR', 0, 1],
    // A name with records of its own, or below which there are some, is not covered by the wildcard (RFC 4592 §2.2.1).
    ['db.apps.example.com', 'A', 'NOERROR', 0, 1],
    ['b.apps.example.com', 'A', 'NOERROR', 0, 1],
    ['x.b.apps.example.com', 'A', 'NXDOMAIN', 0, 1],
    ['apps.example.com', 'SOA', 'NOERROR', 1, 0],
    ['apps.example.com', 'NS', 'NOERROR', 1, 0],
    ['apps.example.com', 'A', 'NOERROR', 0, 1],
    ['example.com', 'A', 'REFUSED', 0, 0],
    ['xapps.example.com', 'A', 'REFUSED', 0, 0],
    ['apps.example.com', 'AXFR', 'REFUSED', 0, 0],
  ])('%s %s is %s', (name, type, rcode, answers, authorities) => {
    const reply = ask(name, type);
    expect([reply.rcode, reply.answers?.length, reply.authorities?.length]).toEqual([
      rcode,
      answers,
      authorities,
    ]);
    expect(reply.flag_aa).toBe(rcode !== 'REFUSED');
    expect([reply.id, reply.flag_rd, reply.flag_ra]).toEqual([9, true, false]);
  });

  test('a wildcard answers under the name that was asked, in the letters it was asked in', () =>
    expect(values('X.aPPs.Example.com', 'A')).toEqual([['X.aPPs.Example.com', 'A', '100.64.0.7']]));

  test('an alias of a machine brings the machine’s address', () =>
    expect(values('alias.apps.example.com', 'AAAA')).toEqual([
      ['alias.apps.example.com', 'CNAME', 'node.net.example'],
      ['node.net.example', 'AAAA', 'fd7a::1'],
    ]));

  test('an alias out of the network is all there is to say, and one that goes round ends', () => {
    expect(values('far.apps.example.com', 'A')).toEqual([
      ['far.apps.example.com', 'CNAME', 'www.elsewhere.example'],
    ]);
    expect(ask('round.apps.example.com', 'A').answers).toHaveLength(1);
  });

  test('SRV and TXT come as they were given', () => {
    const [srv] = ask('_sip._tcp.apps.example.com', 'SRV').answers ?? [];
    expect(srv).toMatchObject({
      data: { priority: 0, weight: 5, port: 5060, target: 'sip.apps.example.com' },
    });
    expect(values('db.apps.example.com', 'TXT')[0]?.[2]).toBe('the database');
  });
});

describe('messages', () => {
  const edns = (udpPayloadSize: number, ednsVersion = 0): Partial<Packet> => ({
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize,
        extendedRcode: 0,
        ednsVersion,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  });

  test('what does not fit is cut by UDP and whole by TCP', () => {
    const cut = ask('long.apps.example.com', 'TXT', edns(4_096));
    expect([cut.flag_tc, cut.answers?.length]).toEqual([true, 0]);
    const whole = ask('long.apps.example.com', 'TXT', {}, 'tcp');
    expect([whole.flag_tc, whole.answers?.length]).toEqual([false, 1]);
    const [txt] = whole.answers ?? [];
    const parts = txt !== undefined && 'data' in txt && Array.isArray(txt.data) ? txt.data : [];
    expect(Buffer.concat(parts.map((part) => Buffer.from(part)))).toHaveLength(1_800);
  });

  test('no answer by UDP is longer than what the asker takes, nor than 1232 bytes', () =>
    fc.assert(
      fc.property(
        fc.constantFrom(...RECORDS.map(([name]) => name.replace('*', 'w'))),
        fc.constantFrom<RecordType | 'ANY'>('A', 'TXT', 'SRV', 'ANY'),
        fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined }),
        (name, type, size) => {
          const { reply } = ask(name, type, size === undefined ? {} : edns(size));
          expect(reply.length).toBeLessThanOrEqual(Math.max(512, Math.min(1_232, size ?? 512)));
        },
      ),
    ));

  test('a later EDNS version is answered with ours', () => {
    const reply = ask('x.apps.example.com', 'A', edns(1_232, 1));
    const opt = reply.additionals?.find((one) => one.type === 'OPT');
    expect(opt).toMatchObject({ extendedRcode: 1, ednsVersion: 0 });
    expect(reply.answers).toEqual([]);
  });

  test.each([
    [
      'two questions',
      {
        questions: [
          { name: 'a.b', type: 'A' },
          { name: 'a.c', type: 'A' },
        ],
      },
      'FORMERR',
    ],
    ['another class', { questions: [{ name: 'x.apps.example.com', type: 'A', class: 'CH' }] }, 'REFUSED'],
    ['an update', { flags: 5 << 11 }, 'NOTIMP'],
  ] satisfies [string, Partial<Packet>, string][])('%s gets %s', (_what, over, rcode) =>
    expect(ask('x.apps.example.com', 'A', over).rcode).toBe(rcode),
  );

  test('answers are not answered, nor what is no message', () => {
    const response = packet.encode({ id: 1, type: 'response', questions: [] });
    expect(answer(data, response, 'udp')).toBeUndefined();
    expect(truncated(response)).toBeUndefined();
    expect(answer(data, new Uint8Array(11), 'udp')).toBeUndefined();
  });

  test('any bytes give an answer that can be read, or none', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isQuestion) => {
        const query = isQuestion ? Uint8Array.of(0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...bytes) : bytes;
        const reply = answer(data, query, 'udp');
        if (reply !== undefined) expect(packet.decode(Buffer.from(reply)).type).toBe('response');
      }),
      { numRuns: 1_000 },
    ));
});
