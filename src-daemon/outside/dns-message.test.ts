/** What an answer of a name server says, and what of it is not believed. */
import { encode, type Packet } from 'dns-packet';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeQuestion, readAnswer } from './dns-message.ts';

const QUESTION = { id: 7, name: 'control.example.com', family: 4 } as const;

const answer = (
  change: Partial<Packet> & { readonly rcode?: number; readonly cut?: boolean } = {},
): Uint8Array =>
  encode({
    type: 'response',
    id: QUESTION.id,
    questions: [{ type: 'A', name: QUESTION.name }],
    ...change,
    flags: (change.rcode ?? 0) | (change.cut === true ? 0x200 : 0),
  });
const a = (name: string, data: string) => ({ type: 'A' as const, name, ttl: 5, data });
const alias = (name: string, data: string) => ({ type: 'CNAME' as const, name, ttl: 5, data });

test.each([
  [
    'its addresses',
    [a(QUESTION.name, '192.0.2.1'), a(QUESTION.name, '192.0.2.2')],
    ['192.0.2.1', '192.0.2.2'],
  ],
  [
    'each once, whatever the case',
    [a('CONTROL.example.com', '192.0.2.1'), a(QUESTION.name, '192.0.2.1')],
    ['192.0.2.1'],
  ],
  [
    'those of another name of it',
    [alias(QUESTION.name, 'b.example'), alias('b.example', 'c.example'), a('c.example', '192.0.2.1')],
    ['192.0.2.1'],
  ],
  [
    'aliases in any order',
    [a('c.example', '192.0.2.1'), alias('b.example', 'c.example'), alias(QUESTION.name, 'b.example')],
    ['192.0.2.1'],
  ],
  [
    'not those of a stranger',
    [a('other.example', '192.0.2.9'), a(QUESTION.name, '192.0.2.1')],
    ['192.0.2.1'],
  ],
  [
    'an alias that leads in circles',
    [alias(QUESTION.name, QUESTION.name), a(QUESTION.name, '192.0.2.1')],
    ['192.0.2.1'],
  ],
])('takes %s', (_, answers, addresses) => {
  expect(readAnswer(answer({ answers }), QUESTION)).toEqual({ kind: 'addresses', addresses });
});

test.each<[string, Uint8Array, string]>([
  ['no such name', answer({ rcode: 3 }), 'none'],
  ['no address of the family', answer(), 'none'],
  ['only an address that it did not ask for', answer({ answers: [a('other.example', '192.0.2.9')] }), 'none'],
  ['a server that fails', answer({ rcode: 2 }), 'failed'],
  ['a server that refuses, without the question', answer({ rcode: 5, questions: [] }), 'failed'],
  ['one that was cut', answer({ cut: true }), 'truncated'],
  ['another id', answer({ id: 8 }), 'foreign'],
  ['another question', answer({ questions: [{ type: 'A', name: 'x.example' }] }), 'foreign'],
  ['another type', answer({ questions: [{ type: 'AAAA', name: QUESTION.name }] }), 'foreign'],
  ['a question', answer({ type: 'query' }), 'foreign'],
  ['nothing', new Uint8Array(), 'foreign'],
])('%s', (_, message, kind) => expect(readAnswer(message, QUESTION).kind).toBe(kind));

test('asks for both families and offers room for a whole answer', () => {
  expect(encodeQuestion(QUESTION)).not.toEqual(encodeQuestion({ ...QUESTION, family: 6 }));
  const six = encode({
    type: 'response',
    id: 7,
    questions: [{ type: 'AAAA', name: QUESTION.name }],
    answers: [{ type: 'AAAA', name: QUESTION.name, ttl: 5, data: '2001:DB8::1' }],
  });
  expect(readAnswer(six, { ...QUESTION, family: 6 })).toEqual({
    kind: 'addresses',
    addresses: ['2001:db8::1'],
  });
});

test('no bytes make it throw, and none but an answer to the question are believed', () => {
  const good = answer({ answers: [a(QUESTION.name, '192.0.2.1')] });
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 600 }),
      fc.nat(good.length - 1),
      fc.nat(255),
      (noise, at, byte) => {
        expect(() => readAnswer(noise, QUESTION)).not.toThrow();
        const damaged = good.slice();
        damaged[at] = byte;
        expect(() => readAnswer(damaged, QUESTION)).not.toThrow();
      },
    ),
  );
});
