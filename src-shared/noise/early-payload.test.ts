/** The early payload: told from HTTP/2 at every split, bounded, tolerant of what we do not know. */
import { expect, test } from 'vitest';
import { concat, utf8 } from '../bytes/bytes.ts';
import { parseChallengeKey } from '../key/key.ts';
import { EarlyPeek, encodeEarlyPayload, MAX_EARLY_PAYLOAD_SENT, type Peek } from './early-payload.ts';

const challenge = parseChallengeKey(
  'chalpub:675dd574ed7789310b3d2e7681f3790b466c773b1521fecf36577958371ea52f',
);
const SETTINGS = Uint8Array.of(0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 250);

function feed(bytes: Uint8Array, size: number): Peek {
  const peek = new EarlyPeek();
  let state: Peek = { kind: 'more' };
  let at = 0;
  for (; at < bytes.length && state.kind === 'more'; at += size)
    state = peek.feed(bytes.subarray(at, at + size));
  return state.kind === 'done' ? { ...state, rest: concat(state.rest, bytes.subarray(at)) } : state;
}
const framed = (json: string, length = json.length): Uint8Array =>
  concat(
    Uint8Array.of(0xff, 0xff, 0xff, 0x54, 0x53, length >> 24, length >> 16, length >> 8, length),
    utf8(json),
  );

test.each([1, 4, 9, 10, 1_000])('is read in pieces of %i bytes and HTTP/2 goes on behind it', (size) => {
  const sent = encodeEarlyPayload(challenge);
  expect(sent.length).toBeLessThan(MAX_EARLY_PAYLOAD_SENT);
  expect(feed(concat(sent, SETTINGS), size)).toEqual({ kind: 'done', challenge, rest: SETTINGS });
});

test.each([1, 3, 100])('its absence replays all bytes, in pieces of %i', (size) => {
  expect(feed(SETTINGS, size)).toEqual({ kind: 'done', challenge: undefined, rest: SETTINGS });
});

test.each([
  { name: 'unknown members', json: '{"other":1}', want: undefined },
  { name: 'an empty challenge', json: '{"nodeKeyChallenge":""}', want: undefined },
])('$name are fine', ({ json, want }) => {
  expect(feed(framed(json), 5)).toMatchObject({ kind: 'done', challenge: want });
});

test.each([
  { name: 'no JSON', bytes: framed('{') },
  { name: 'no object', bytes: framed('7') },
  { name: 'no key', bytes: framed('{"nodeKeyChallenge":"x"}') },
  { name: 'a monstrous length', bytes: framed('', 0x7fff_ffff) },
])('$name is malformed', ({ bytes }) => {
  expect(feed(bytes, 64).kind).toBe('malformed');
});
