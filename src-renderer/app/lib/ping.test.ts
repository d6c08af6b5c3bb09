/** Pings over a bridge that answers as it likes. */
import { expect, test } from 'vitest';
import type { Bridge } from '#shared/bridge/contract.ts';
import { type PingSample, ping, pingAll } from './ping.ts';

interface Rig {
  readonly bridge: Bridge;
  readonly emit: (sample: Partial<PingSample>) => void;
  readonly cancelled: string[];
  /** Most that ran at once. */
  readonly most: () => number;
}

/** `answer` says what happens at once when a ping begins. */
function rig(answer: (operation: string, emit: Rig['emit']) => void): Rig {
  let listener: ((sample: PingSample) => void) | undefined;
  const listeners = new Set<(sample: PingSample) => void>();
  const cancelled: string[] = [];
  let count = 0;
  let most = 0;
  const emit: Rig['emit'] = (sample) => {
    for (const told of listeners) told({ operation: '', via: '', isLast: false, ...sample });
  };
  const call = async (name: string, arg: unknown): Promise<unknown> => {
    if (name === 'operation.cancel') {
      cancelled.push((arg as { operation: string }).operation);
      return undefined;
    }
    count += 1;
    most = Math.max(most, listeners.size);
    const operation = `op${count}`;
    answer(operation, emit);
    return { operation };
  };
  const on = (_name: string, added: (sample: PingSample) => void): (() => void) => {
    listener = added;
    listeners.add(listener);
    return () => listeners.delete(added);
  };
  const host: Bridge['host'] = { kind: 'web', can: [], platform: 'linux', version: '1' };
  return { bridge: { host, call, on } as unknown as Bridge, emit, cancelled, most: () => most };
}

test('samples that come before the operation has a name count', async () => {
  const { bridge } = rig((operation, emit) => {
    emit({ operation, latencyMs: 4 });
    emit({ operation: 'somebody-elses', latencyMs: 9 });
    emit({ operation, latencyMs: 5, isLast: true });
  });
  const got: (number | undefined)[] = [];
  await ping(
    bridge,
    { id: 'a', kind: 'disco', count: 2 },
    (one) => got.push(one.latencyMs),
    new AbortController().signal,
  );
  expect(got).toEqual([4, 5]);
});

test('who leaves is not told more, and the host is told to stop', async () => {
  const stop = new AbortController();
  const got: PingSample[] = [];
  const { bridge, emit, cancelled } = rig(() => undefined);
  const done = ping(bridge, { id: 'a', kind: 'icmp', count: 60 }, (one) => got.push(one), stop.signal);
  await Promise.resolve();
  stop.abort();
  await done;
  emit({ operation: 'op1', latencyMs: 4 });
  expect(got).toEqual([]);
  expect(cancelled).toEqual(['op1']);
});

test('many are asked four at a time, and one that fails holds up nobody', async () => {
  const ids = Array.from({ length: 10 }, (_, n) => `d${n}`);
  const { bridge, most } = rig((operation, emit) => {
    if (operation === 'op3') throw new Error('gone');
    queueMicrotask(() => queueMicrotask(() => emit({ operation, latencyMs: 1, isLast: true })));
  });
  const counts: number[] = [];
  await pingAll(bridge, ids, (count) => counts.push(count), new AbortController().signal);
  expect(counts.at(-1)).toBe(10);
  expect(most()).toBeLessThanOrEqual(4);
});
