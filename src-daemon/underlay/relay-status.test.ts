/** Relay connections in a few words. */
import { expect, test } from 'vitest';
import { relayStatus } from './relay-status.ts';

const state = (region: number, kind: 'idle' | 'dialing' | 'connected' | 'waiting', more: object = {}) => ({
  region,
  state: kind,
  lastError: undefined,
  problem: undefined,
  ...more,
});

test('what is connected, and what should be and is not', () => {
  const states = [
    state(1, 'connected'),
    state(2, 'waiting', { lastError: 'refused' }),
    state(3, 'idle', { lastError: 'old' }),
    state(4, 'dialing'),
    state(5, 'connected', { lastError: 'old', problem: 'another machine has your key' }),
  ];
  expect(relayStatus(1, states)).toEqual({
    home: 1,
    connected: [1, 5],
    failing: [
      { region: 2, error: 'refused' },
      { region: 5, error: 'another machine has your key' },
    ],
  });
});
