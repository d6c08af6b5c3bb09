/** The first bytes after the upgrade: whole, split, refused or rubbish. */
import { expect, test } from 'vitest';
import { concat, utf8 } from '../bytes/bytes.ts';
import { RESPONSE_BYTES, splitFirstMessage } from './messages.ts';

const response = concat(Uint8Array.of(2, 0, 48), new Uint8Array(48));

test('a response is taken when it is whole and the rest is kept', () => {
  for (let i = 0; i < RESPONSE_BYTES; i++)
    expect(splitFirstMessage(response.subarray(0, i))).toEqual({ kind: 'more' });
  const rest = utf8('records');
  expect(splitFirstMessage(concat(response, rest))).toEqual({ kind: 'response', message: response, rest });
});

test('a refusal is shown without control characters and cut', () => {
  const text = `go away\u001b[31m\n${'x'.repeat(2_000)}`;
  const frame = concat(Uint8Array.of(3, text.length >> 8, text.length & 255), utf8(text));
  expect(splitFirstMessage(frame.subarray(0, 10))).toEqual({ kind: 'more' });
  const got = splitFirstMessage(frame);
  expect(got).toMatchObject({ kind: 'refused' });
  if (got.kind === 'refused') {
    expect(got.text.startsWith('go away [31m x')).toBe(true);
    expect(got.text.length).toBeLessThan(512);
  }
});

test.each([
  { name: 'HTTP', bytes: utf8('HTTP/1.1 400') },
  { name: 'a response of another length', bytes: Uint8Array.of(2, 0, 49) },
  { name: 'a record', bytes: Uint8Array.of(4, 0, 16) },
  { name: 'an endless refusal', bytes: Uint8Array.of(3, 0xff, 0xff) },
])('$name is malformed', ({ bytes }) => {
  expect(splitFirstMessage(bytes)).toEqual({ kind: 'malformed' });
});
