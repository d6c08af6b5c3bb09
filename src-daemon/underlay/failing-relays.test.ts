/** Which relays are no home for a while. */
import { expect, test } from 'vitest';
import { AVOID_MS, FAILING_MS, FailingRelays } from './failing-relays.ts';

const state = (kind: 'idle' | 'dialing' | 'connected' | 'waiting', failures = 1) => [
  { region: 7, state: kind, failures },
];

test('one that fails for ten seconds is avoided for ten minutes', () => {
  const relays = new FailingRelays();
  expect(relays.note(state('waiting'), 0)).toBe(false);
  expect(relays.note(state('dialing'), FAILING_MS - 1)).toBe(false);
  expect(relays.note(state('waiting'), FAILING_MS)).toBe(true);
  expect(relays.note(state('waiting'), FAILING_MS + 1_000)).toBe(false);
  expect([...relays.avoided(FAILING_MS + AVOID_MS)]).toEqual([7]);
  expect([...relays.avoided(FAILING_MS + 1_000 + AVOID_MS)]).toEqual([]);
});

test('a first dial, a success in between, a relay nobody dials and a new beginning are no failures', () => {
  const relays = new FailingRelays();
  relays.note(state('dialing', 0), 0);
  expect(relays.note(state('dialing', 0), FAILING_MS)).toBe(false);
  relays.note(state('waiting'), 0);
  relays.note(state('connected'), 5_000);
  expect(relays.note(state('waiting'), FAILING_MS)).toBe(false);
  relays.note(state('idle'), FAILING_MS);
  expect(relays.note(state('waiting'), 3 * FAILING_MS)).toBe(false);
  relays.clear();
  expect(relays.note(state('waiting'), 5 * FAILING_MS)).toBe(false);
  expect(relays.note(state('waiting'), 6 * FAILING_MS)).toBe(true);
  relays.note(state('connected'), 6 * FAILING_MS);
  expect([...relays.avoided(6 * FAILING_MS)]).toEqual([]);
});
