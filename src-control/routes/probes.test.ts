/** Probing routers: answers, silence, new streams, and that a round is told as one. */
import { describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { Probes } from './probes.ts';

const INTERVAL = 10_000;
const TIMEOUT = 5_000;

function setup(routers: readonly number[]) {
  const clock = new FakeClock();
  const streams = new Map<number, object>(routers.map((id) => [id, {}]));
  const asked: { nodeId: number; id: string }[] = [];
  const rounds: [number, boolean][][] = [];
  let ids = 0;
  let list = routers;
  const probes = new Probes({
    streams: {
      ping: (nodeId, { url }) => {
        asked.push({ nodeId, id: new URL(url).searchParams.get('id') ?? '' });
        return streams.has(nodeId);
      },
      streamOf: (nodeId) => streams.get(nodeId),
    },
    clock,
    log: silent,
    serverUrl: 'https://control.example',
    mintId: () => `probe-${ids++}`,
    intervalMs: INTERVAL,
    timeoutMs: TIMEOUT,
    routers: () => list,
    found: (health) => rounds.push([...health].sort(([a], [b]) => a - b)),
  });
  const answer = (nodeId: number): boolean =>
    probes.answer(asked.findLast((one) => one.nodeId === nodeId)?.id ?? '');
  const set = (routersNow: readonly number[]): void => {
    list = routersNow;
  };
  return { clock, streams, asked, rounds, probes, answer, set };
}

test('asks every interval, and a round in which all answer ends with the last answer', async () => {
  const { clock, asked, rounds, answer } = setup([1, 2]);
  await clock.advance(INTERVAL);
  expect(asked.map(({ nodeId }) => nodeId)).toEqual([1, 2]);
  expect(answer(1)).toBe(true);
  expect(rounds).toEqual([]);
  expect(answer(2)).toBe(true);
  expect(rounds).toEqual([
    [
      [1, true],
      [2, true],
    ],
  ]);
  await clock.advance(INTERVAL);
  expect(asked).toHaveLength(4);
});

test('silence counts from the second round on the same stream on, and with the answers of the others', async () => {
  const { clock, rounds, answer } = setup([1, 2]);
  await clock.advance(INTERVAL);
  answer(1);
  await clock.advance(TIMEOUT);
  expect(rounds).toEqual([[[1, true]]]);
  await clock.advance(INTERVAL);
  answer(1);
  await clock.advance(TIMEOUT - 1);
  expect(rounds).toHaveLength(1);
  await clock.advance(1);
  expect(rounds[1]).toEqual([
    [1, true],
    [2, false],
  ]);
});

test('a machine that came back during the round is not judged by the stream it lost', async () => {
  const { clock, streams, rounds, answer } = setup([1, 2]);
  await clock.advance(INTERVAL);
  answer(1);
  answer(2);
  await clock.advance(INTERVAL);
  answer(1);
  streams.set(2, {});
  await clock.advance(TIMEOUT);
  expect(rounds[1]).toEqual([[1, true]]);
});

test('one that went offline is left to the streams', async () => {
  const { clock, streams, rounds, asked } = setup([1]);
  await clock.advance(INTERVAL + TIMEOUT);
  streams.delete(1);
  await clock.advance(INTERVAL + TIMEOUT);
  expect(asked).toHaveLength(1);
  expect(rounds).toEqual([]);
});

describe('an answer', () => {
  test('counts once, and only in its round', async () => {
    const { clock, asked, probes, answer } = setup([1, 2]);
    await clock.advance(INTERVAL);
    const late = asked[1]?.id ?? '';
    expect(answer(1)).toBe(true);
    expect(answer(1)).toBe(false);
    await clock.advance(TIMEOUT);
    expect(probes.answer(late)).toBe(false);
    expect(probes.answer('')).toBe(false);
  });

  test('one answer makes a silent router well again', async () => {
    const { clock, rounds, answer } = setup([1, 2]);
    for (let round = 0; round < 2; round++) {
      await clock.advance(INTERVAL);
      answer(1);
      await clock.advance(TIMEOUT);
    }
    expect(rounds.at(-1)).toEqual([
      [1, true],
      [2, false],
    ]);
    await clock.advance(INTERVAL);
    answer(1);
    answer(2);
    expect(rounds.at(-1)).toEqual([
      [1, true],
      [2, true],
    ]);
  });
});

test('with nobody to ask it only waits, and it ends without a timer left', async () => {
  const { clock, asked, probes, set } = setup([]);
  await clock.advance(10 * INTERVAL);
  expect(asked).toEqual([]);
  set([1]);
  probes[Symbol.dispose]();
  await clock.advance(10 * INTERVAL);
  expect(asked).toEqual([]);
  expect(clock.pending).toBe(0);
});
