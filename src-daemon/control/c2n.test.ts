/** Control-to-node requests: what is served, what is refused, and rubbish. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { utf8 } from '#shared/bytes/bytes.ts';
import { answerC2n, parseC2nRequest } from './c2n.ts';

const ask = (raw: string): string => Buffer.from(answerC2n(parseC2nRequest(utf8(raw)))).toString();

test.each([
  {
    name: 'with a length',
    raw: 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi, and more',
    body: 'hi',
  },
  { name: 'to the end', raw: 'PUT /echo HTTP/1.0\r\n\r\nhi, and more', body: 'hi, and more' },
  {
    name: 'in absolute form with a query',
    raw: 'GET http://unused/echo?x=1 HTTP/1.1\r\nHost: x\r\n\r\n',
    body: '',
  },
])('echoes a body $name', ({ raw, body }) => {
  const answer = ask(raw);
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer).toContain(`Content-Length: ${body.length}\r\n`);
  expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toBe(body);
});

test('another path is unknown', () => {
  expect(ask('POST /update HTTP/1.1\r\nHost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 .*unknown c2n path\n$/s);
});

test.each([
  '',
  'GET /echo',
  'GET /echo HTTP/2\r\n\r\n',
  'get /echo HTTP/1.1\r\n\r\n',
  `GET /echo HTTP/1.1\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
])('%.30j is malformed', (raw) => {
  expect(parseC2nRequest(utf8(raw))).toBeUndefined();
  expect(ask(raw)).toContain('malformed request');
});

test('random bytes never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      answerC2n(parseC2nRequest(bytes));
    }),
  );
});
