/** How a native engine without a descriptor to watch is waited for, and what becomes of a call that fails. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { EngineFailure } from '../ffi/engine.ts';
import { watchRecords } from './native-wake.ts';

const ENGINE = 1;

/** Waits with these results, and then for ever. */
function waiting(...results: (number | Error)[]) {
  const told: string[] = [];
  const unwatch = watchRecords(
    {
      wakeFd: () => EngineFailure.NotSupported,
      wait: () => {
        told.push('waits');
        const result = results.shift();
        if (result instanceof Error) return Promise.reject(result);
        return result === undefined ? new Promise<never>(() => undefined) : Promise.resolve(result);
      },
    },
    ENGINE,
    { ready: () => told.push('ready'), lost: (why) => told.push(why) },
  );
  return { told, unwatch };
}

test('it is waited again and again, and whoever reads is woken when there is something', async () => {
  const { told } = waiting(0, 1, 1);
  await turn();
  expect(told).toEqual(['waits', 'waits', 'ready', 'waits', 'ready', 'waits']);
});

test.each([
  { name: 'fails', result: new Error('no thread left'), why: 'no thread left' },
  { name: 'knows no such engine', result: EngineFailure.Stale, why: 'the call that waits says -2' },
])('a call that $name is told of, once, and not made again', async ({ result, why }) => {
  const { told } = waiting(1, result);
  await turn();
  expect(told).toEqual(['waits', 'ready', 'waits', why]);
});

test.each([1, EngineFailure.Stale, new Error('too late')])(
  'after the end %s means nothing',
  async (result) => {
    const { told, unwatch } = waiting(result);
    unwatch();
    await turn();
    expect(told).toEqual(['waits']);
  },
);
