/** The machine under arbitrary events: what it must never do. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dueAtMs, type Effect, type Event, linkOf, mappingOf, type State, step } from './machine.ts';
import type { Link, Mapping } from './types.ts';

const links: readonly Link[] = [
  { gateway: '192.168.1.1', self: '192.168.1.7', port: 1_000 },
  { gateway: '10.0.0.1', self: '10.0.0.7', port: 1_000 },
];
const mappingAt = (nowMs: number, leaseMs: number): Mapping => ({
  protocol: 'nat-pmp',
  external: { ip: '203.0.113.9', port: 2_000 },
  reach: 'public',
  renewAtMs: nowMs + leaseMs / 2,
  goodUntilMs: nowMs + leaseMs,
});

const moves = fc.array(
  fc.record({
    afterMs: fc.nat({ max: 4_000_000 }),
    what: fc.constantFrom(
      'wanted',
      'due',
      'doubt',
      'restarted',
      'probed',
      'nothing',
      'created',
      'failed',
      'home',
      'elsewhere',
      'down',
      'closed',
    ),
  }),
  { maxLength: 60 },
);

function eventOf(what: string, nowMs: number): Event {
  switch (what) {
    case 'wanted':
    case 'due':
    case 'doubt':
    case 'restarted':
      return { type: what };
    case 'probed':
      return { type: 'probed', services: { pmp: true, pcp: false, upnp: false } };
    case 'nothing':
      return { type: 'probed', services: { pmp: false, pcp: false, upnp: false } };
    case 'created':
      return { type: 'created', mapping: mappingAt(nowMs, 7_200_000) };
    case 'failed':
      return { type: 'failed', why: 'no answer', retryAfterS: 1 };
    case 'down':
      return { type: 'link', link: 'network-down', mayRelease: false };
    case 'closed':
      return { type: 'link', link: 'closed', mayRelease: true };
    default:
      return { type: 'link', link: links[what === 'home' ? 0 : 1] as Link, mayRelease: true };
  }
}

const isWorking = (state: State): boolean =>
  state.kind === 'probing' || state.kind === 'creating' || state.kind === 'renewing';

interface Turn {
  readonly before: State;
  readonly event: Event;
  readonly after: State;
  readonly effects: readonly Effect[];
  readonly nowMs: number;
}

function checkWork({ before, event, after, effects }: Turn): void {
  const begun = effects.filter((effect) => effect.do === 'probe' || effect.do === 'create');
  expect(begun.length).toBe(isWorking(after) && after !== before ? 1 : 0);
  // A state that waits is either answered or left with its work forsaken.
  const isAnswered = ['probed', 'created', 'failed'].includes(event.type);
  const isLeft = isWorking(before) && after !== before && !isAnswered;
  expect(effects.filter((effect) => effect.do === 'forsake').length).toBe(isLeft ? 1 : 0);
}

/** Of every mapping that is given up it is known whether the router was told, or will be. */
function checkRelease({ before, event, after, effects }: Turn): void {
  const released = effects.filter((effect) => effect.do === 'release');
  const had = mappingOf(before);
  if (had !== undefined && event.type === 'link') {
    expect(released.map(({ mapping }) => mapping)).toEqual(event.mayRelease ? [had] : []);
    expect(released.map(({ link }) => link)).toEqual(event.mayRelease ? [linkOf(before)] : []);
    if (!event.mayRelease) expect(after).toMatchObject({ kind: 'idle', left: { mapping: had } });
  } else if (event.type !== 'link') {
    expect(released).toEqual([]);
  }
}

function checkTimes({ before, after, nowMs }: Turn): void {
  if (after.kind === 'mapped') expect(dueAtMs(after)).toBeLessThanOrEqual(after.mapping.goodUntilMs);
  if (after.kind !== 'failed' || after === before) return;
  expect(after.retryAtMs - nowMs).toBeGreaterThanOrEqual(10_000);
  expect(after.retryAtMs - nowMs).toBeLessThanOrEqual(750_000);
}

test('work is begun exactly where a state waits for it, and no mapping is left behind', () => {
  fc.assert(
    fc.property(moves, (list) => {
      let state: State = { kind: 'idle', why: 'not-asked' };
      let nowMs = 0;
      for (const { afterMs, what } of list) {
        nowMs += afterMs;
        const event = eventOf(what, nowMs);
        const [after, effects] = step(state, event, { nowMs, random: () => 0.5 });
        const turn: Turn = { before: state, event, after, effects, nowMs };
        checkWork(turn);
        checkRelease(turn);
        checkTimes(turn);
        state = after;
      }
    }),
  );
});

test('what is told after the end changes nothing', () => {
  const [closed] = step(
    { kind: 'idle', why: 'not-asked' },
    { type: 'link', link: 'closed', mayRelease: true },
    { nowMs: 0, random: () => 0 },
  );
  for (const what of ['wanted', 'due', 'doubt', 'restarted', 'probed', 'created', 'failed'])
    expect(step(closed, eventOf(what, 5), { nowMs: 5, random: () => 0 })).toEqual([closed, []]);
});
