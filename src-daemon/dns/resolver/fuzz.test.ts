/** Whatever bytes come in, from clients and from servers: no exception, no hang, and answers that others can read. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decoded, never, queryFor, world } from '../testing/world.ts';
import { deliver } from './deliver.ts';
import { encodeName, readName, skipName } from './names.ts';
import { type Question, readQuery } from './question.ts';
import { readResponse } from './response.ts';

const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
const name = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));
const message = fc.uint8Array({ maxLength: 300 });
/** A good message with some bytes changed, cut or repeated: gets further than noise. */
const mutated = (make: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(make, fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }), fc.nat(400))
    .map(([bytes, changes, cut]) => {
      const out = bytes.slice(0, cut > 300 ? bytes.length : Math.min(bytes.length, cut + 12));
      for (const [at, value] of changes) if (at < out.length) out[at] = value;
      return out;
    });

const questionOf = (query: Uint8Array): Question => {
  const read = readQuery(query);
  if (read.kind !== 'question') throw new Error('no question');
  return read.question;
};

describe('names', () => {
  test('come back as they went', () =>
    fc.assert(
      fc.property(name, (text) => {
        const wire = encodeName(text);
        expect(wire && readName(wire, 0)).toEqual({ name: text, end: text.length + 2 });
        expect(wire && skipName(wire, 0)).toBe(text.length + 2);
      }),
    ));

  test('no bytes make reading throw, loop or leave the message', () =>
    fc.assert(
      fc.property(message, fc.nat(300), (bytes, from) => {
        const read = readName(bytes, from);
        if (read !== undefined) {
          expect(read.end).toBeLessThanOrEqual(bytes.length);
          expect(read.name.length).toBeLessThanOrEqual(254);
        }
        expect(skipName(bytes, from)).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 2_000 },
    ));
});

describe('queries', () => {
  test('every question of another implementation is read as it was meant', () =>
    fc.assert(
      fc.property(
        name,
        fc.constantFrom('A', 'AAAA', 'PTR', 'TXT'),
        fc.option(fc.integer({ min: 1, max: 65_535 })),
        (text, type, size) => {
          const query = queryFor(text, type, size === null ? {} : { udpSize: size });
          const question = questionOf(query);
          expect(question.name).toBe(text);
          expect(question.isPlain).toBe(true);
          expect(question.edns?.size).toBe(size === null ? undefined : Math.max(512, size));
        },
      ),
    ));

  test('noise gets an answer to its id that can be read, or none', () => {
    const { resolver } = world();
    fc.assert(
      fc.property(
        fc.oneof(message, mutated(name.map((text) => queryFor(text, 'A', { udpSize: 900 })))),
        (bytes) => {
          const answer = resolver.answerNow(bytes, 'udp');
          if (answer === undefined) return;
          expect((answer[2] as number) & 0x80).toBe(0x80);
          expect(decoded(answer).id).toBe(((bytes[0] as number) << 8) | (bytes[1] as number));
        },
      ),
      { numRuns: 3_000 },
    );
  });
});

describe('responses', () => {
  const query = queryFor('www.example.com', 'A', { udpSize: 1_232 });
  const question = questionOf(query);
  const response = fc.array(fc.tuple(name, fc.nat(5_000)), { maxLength: 12 }).map((records) => {
    const bytes = queryFor('www.example.com', 'A');
    const out = [...bytes];
    out[2] = 0x81;
    out[3] = 0x80;
    out[7] = records.length;
    for (const [owner, ttl] of records)
      out.push(...(encodeName(owner) ?? [0]), 0, 1, 0, 1, 0, 0, ttl >> 8, ttl & 255, 0, 4, 192, 0, 2, 1);
    return Uint8Array.from(out);
  });

  test('are delivered whole or cut between records, never longer than the client takes', () =>
    fc.assert(
      fc.property(mutated(response), fc.constantFrom(undefined, 512, 600, 4_000), (bytes, size) => {
        const asked = queryFor('www.example.com', 'A', size === undefined ? {} : { udpSize: size });
        const read = bytes.length < question.end ? undefined : readResponse(bytes, question);
        if (read === undefined) return;
        const out = deliver(read, asked, questionOf(asked), { transport: 'udp', agedS: 3, isOurOpt: false });
        expect(out.length).toBeLessThanOrEqual(size ?? 512);
        const again = out.length < question.end ? undefined : readResponse(out, question);
        expect(again).toBeDefined();
        expect(again?.records.length).toBeLessThanOrEqual(read.records.length);
      }),
      { numRuns: 3_000 },
    ));

  test('noise of a server is waited out, and the question ends with SERVFAIL', async () => {
    const { resolver, servers, clock } = world();
    servers.set('192.0.2.1', (asked) => [
      new Uint8Array(),
      new Uint8Array(4_000).fill(0xc0),
      Uint8Array.from([...asked.slice(0, 2), 0x81, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
      Uint8Array.from([(asked[0] as number) ^ 1, ...asked.slice(1, 2), 0x81, 0x80, ...asked.slice(4)]),
    ]);
    const answer = resolver.answer(queryFor('www.example.com', 'A'), { transport: 'udp', signal: never });
    await clock.advance(11_000);
    expect(decoded(await answer).rcode).toBe('SERVFAIL');
    expect(clock.pending).toBe(0);
  });
});
