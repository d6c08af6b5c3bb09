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

test.each([
  ['GET /update', '200 OK', '{"Enabled":false,"Supported":false,"Started":false}'],
  ['GET /posture/identity?hwaddrs=true', '200 OK', '{"PostureDisabled":true}'],
  ['GET /vip-services', '200 OK', '{"ServicesHash":""}'],
  ['GET /appconnector/routes', '200 OK', '{"Domains":{}}'],
  ['POST /ssh/usernames', '200 OK', '{"Usernames":[]}'],
  ['POST /logtail/flush', '204 No Content', ''],
  ['GET /logtail/flush', '405 Method Not Allowed', 'bad method'],
  ['POST /vip-services', '405 Method Not Allowed', 'bad method'],
])('%s gets %s', (line, status, body) => {
  const answer = ask(`${line} HTTP/1.1\r\nHost: x\r\n\r\n`);
  expect(answer.startsWith(`HTTP/1.1 ${status}\r\n`)).toBe(true);
  expect(answer.slice(answer.indexOf('\r\n\r\n') + 4).trim()).toBe(body);
});

test.each(['/debug/prefs', '/remoteapi/localapi/v0/prefs', '/no-such'])('%s is unknown', (path) => {
  expect(ask(`POST ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 .*unknown c2n path\n$/s);
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
