/** The next-state table of localapi-and-daemon.md §3.1, and what must hold for every mix of facts. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { State, type StateName } from '#shared/localapi/status.ts';
import { type Facts, nextState } from './next-state.ts';

const GOOD = { keyExpired: false, machineAuthorized: true };
const UP: Facts = {
  storeHealthy: true,
  wantRunning: true,
  loggedOut: false,
  hasNodeKey: true,
  blocked: false,
  authCannotContinue: false,
  self: GOOD,
  live: true,
};
const NO_MAP = { ...UP, self: undefined };

test.each<{ name: string; from: StateName; facts: Facts; want: StateName }>([
  { name: 'a store that fails', from: 'Running', facts: { ...UP, storeHealthy: false }, want: 'NoState' },
  { name: 'down with a key', from: 'Running', facts: { ...UP, wantRunning: false }, want: 'Stopped' },
  { name: 'down before any map', from: 'NoState', facts: { ...NO_MAP, wantRunning: false }, want: 'Stopped' },
  {
    name: 'down while blocked, no map',
    from: 'NeedsLogin',
    facts: { ...NO_MAP, wantRunning: false, blocked: true, authCannotContinue: true },
    want: 'NeedsLogin',
  },
  {
    name: 'never logged in',
    from: 'NoState',
    facts: { ...NO_MAP, hasNodeKey: false, authCannotContinue: true },
    want: 'NeedsLogin',
  },
  { name: 'logging in by itself', from: 'NoState', facts: NO_MAP, want: 'NoState' },
  { name: 'logging in, was asked to', from: 'NeedsLogin', facts: NO_MAP, want: 'NeedsLogin' },
  { name: 'up before any map', from: 'Stopped', facts: NO_MAP, want: 'Starting' },
  { name: 'starting, no map yet', from: 'Starting', facts: NO_MAP, want: 'Starting' },
  { name: 'logged out', from: 'Starting', facts: { ...NO_MAP, loggedOut: true }, want: 'NeedsLogin' },
  { name: 'a map comes', from: 'NoState', facts: UP, want: 'Starting' },
  { name: 'a map comes after a login', from: 'NeedsLogin', facts: UP, want: 'Starting' },
  { name: 'nothing is live yet', from: 'Starting', facts: { ...UP, live: false }, want: 'Starting' },
  { name: 'something is live', from: 'Starting', facts: UP, want: 'Running' },
  { name: 'nothing is live any more', from: 'Running', facts: { ...UP, live: false }, want: 'Running' },
  {
    name: 'the key expires',
    from: 'Running',
    facts: { ...UP, self: { ...GOOD, keyExpired: true } },
    want: 'NeedsLogin',
  },
  {
    name: 'approval is missing',
    from: 'NoState',
    facts: { ...UP, self: { ...GOOD, machineAuthorized: false } },
    want: 'NeedsMachineAuth',
  },
  { name: 'approval comes', from: 'NeedsMachineAuth', facts: UP, want: 'Starting' },
  {
    name: 'down with an expired key',
    from: 'NeedsLogin',
    facts: { ...UP, wantRunning: false, blocked: true, self: { ...GOOD, keyExpired: true } },
    want: 'Stopped',
  },
  { name: 'up again', from: 'Stopped', facts: UP, want: 'Starting' },
])('$name: $from → $want', ({ from, facts, want }) => {
  expect(nextState(from, facts)).toBe(want);
});

test('every mix of facts settles within four changes, and nobody who wants it down is up', () => {
  const flag = fc.boolean();
  const facts = fc.record({
    storeHealthy: flag,
    wantRunning: flag,
    loggedOut: flag,
    hasNodeKey: flag,
    blocked: flag,
    authCannotContinue: flag,
    self: fc.option(fc.record({ keyExpired: flag, machineAuthorized: flag }), { nil: undefined }),
    live: flag,
  });
  const names = Object.keys(State) as StateName[];
  fc.assert(
    fc.property(fc.constantFrom(...names), facts, (from, mix) => {
      let state = from;
      let changes = 0;
      for (let next = nextState(state, mix); next !== state; next = nextState(state, mix)) {
        state = next;
        changes++;
        expect(changes).toBeLessThanOrEqual(4);
      }
      if (mix.self !== undefined && !mix.wantRunning) expect(['Stopped', 'NoState']).toContain(state);
    }),
  );
});
