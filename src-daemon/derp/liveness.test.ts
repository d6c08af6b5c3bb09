/** A relay connection that died in silence is noticed soon after it is used, and one that is idle is left alone. */
import { expect, test } from 'vitest';
import { Liveness } from './liveness.ts';

const half = (): number => 0.5;

/** Runs from deadline to deadline until it is dead or the time is over; what happened when. */
function run(live: Liveness, untilMs: number, atPing: (nowMs: number) => void = () => undefined): string[] {
  const log: string[] = [];
  for (let now = live.deadline(); now <= untilMs; now = live.deadline()) {
    const verdict = live.check(now);
    if (verdict.kind === 'fine') continue;
    log.push(`${now} ${verdict.kind}`);
    if (verdict.kind === 'dead') break;
    live.pinged(now);
    atPing(now);
  }
  return log;
}

/** One that has answered a ping once. */
function known(): Liveness {
  const live = new Liveness(0, half);
  live.pinged(0);
  live.heard(0);
  live.ponged(0);
  return live;
}

test('a write without an answer is asked about, and the silence after that is the end', () => {
  const live = known();
  expect(live.wrote(1_000)).toBe(true);
  expect(live.wrote(2_000)).toBe(false);
  expect(run(live, 200_000)).toEqual(['5750 ping', '10750 dead']);
});

test('an answer of any kind ends the doubt', () => {
  const live = known();
  live.wrote(1_000);
  live.heard(2_000);
  expect(run(live, 60_000, (now) => live.heard(now + 10))).toEqual(['17500 ping']);
});

test('an idle relay is asked when its keepalive is missing', () => {
  expect(run(known(), 200_000)).toEqual(['70000 ping', '75000 dead']);
  const alive = known();
  for (const at of [60_000, 124_000]) {
    run(alive, at - 1);
    alive.heard(at);
  }
  expect(run(alive, 180_000)).toEqual([]);
});

test('while packets flow it is pinged now and then, for the round trip', () => {
  const live = known();
  const log: string[] = [];
  for (let now = 0; now < 60_000; now += 1_000) {
    log.push(...run(live, now, (at) => live.heard(at)));
    live.wrote(now);
    live.received();
    live.heard(now);
  }
  expect(log).toEqual(['17500 ping', '35000 ping', '52500 ping']);
});

test('a relay that never answered a ping is not given up for that', () => {
  const live = new Liveness(0, half);
  live.pinged(0);
  live.wrote(1_000);
  expect(run(live, 200_000)).toEqual(['5750 ping', '120000 dead']);
});

test('while nothing flows there is nothing to wake up for', () => {
  const live = known();
  expect(live.deadline()).toBe(70_000);
  live.wrote(60_000);
  live.heard(60_010);
  // One round trip after the silence, then quiet again.
  expect(live.deadline()).toBe(60_000);
  live.pinged(60_000);
  live.heard(60_020);
  expect(live.deadline()).toBe(130_020);
});

test('the limit of a single ping can be shorter', () => {
  const live = known();
  live.pinged(1_000, 3_000);
  expect(live.deadline()).toBe(4_000);
  expect(live.check(3_999)).toEqual({ kind: 'fine' });
  expect(live.check(4_000).kind).toBe('dead');
});

test('the round trip is that of the last ping', () => {
  const live = known();
  live.pinged(1_000);
  expect(live.ponged(1_042)).toBe(42);
  expect(live.ponged(1_050)).toBeUndefined();
});

test('after a sleep beyond the read limit the connection is dead at once', () => {
  expect(known().check(600_000)).toEqual({ kind: 'dead', why: 'the relay was silent for two minutes' });
});
