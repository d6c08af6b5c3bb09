/** Answers of the server to what programs of this machine asked it for. */
import { expect, test } from 'vitest';
import { utf8 } from '#shared/bytes/bytes.ts';
import { clientVersionOf } from './client-version.ts';
import { answerJson, refusalText } from './node-calls.ts';

test.each([
  { name: 'a success is no refusal', status: 200, body: '{}', want: undefined },
  {
    name: 'a server without the feature is named as such',
    status: 501,
    body: '',
    want: 'the control server answered 501: it does not offer this',
  },
  {
    name: 'its words are shown in one line',
    status: 403,
    body: 'not\n\u0007 allowed ',
    want: 'the control server answered 403: not allowed',
  },
])('$name', ({ status, body, want }) => {
  expect(refusalText({ status, body: utf8(body) })).toBe(want);
});

test('a long refusal is cut', () => {
  expect(refusalText({ status: 500, body: utf8('x'.repeat(10_000)) })?.length).toBeLessThan(500);
});

test('an answer that is no JSON is an error of the protocol', () => {
  expect(() => answerJson({ status: 200, body: utf8('<html>') })).toThrow('no JSON');
  expect(answerJson({ status: 200, body: utf8('{"id_token":"x"}') })).toEqual({ id_token: 'x' });
});

test('what the server says of releases stays until it says something else that can be read', () => {
  const known = { clientVersion: clientVersionOf({ LatestVersion: '1.2', Notify: true }, undefined) };
  expect(known.clientVersion).toMatchObject({ LatestVersion: '1.2', Notify: true, RunningLatest: false });
  expect(clientVersionOf(undefined, known)).toBe(known.clientVersion);
  expect(clientVersionOf({ LatestVersion: 7 }, known)).toBe(known.clientVersion);
  expect(clientVersionOf({ RunningLatest: true }, known)).toMatchObject({ RunningLatest: true });
});
