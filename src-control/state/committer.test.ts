/** Group commit when the store fails: who is told, what is taken back, and in which order. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import type { Write } from '../store/records.ts';
import { Committer } from './committer.ts';

const write = (key: string): Write => ({ put: 'setting', key, value: '' });

interface Disk {
  bad: string | undefined;
  isDown: boolean;
  onCommit: () => void;
}

function setup(): {
  committer: Committer;
  happened: string[];
  store: Disk;
  save(key: string, pace?: 'now' | 'lazy'): Promise<string>;
} {
  const happened: string[] = [];
  const store: Disk = { bad: undefined, isDown: false, onCommit: () => undefined };
  const committer = new Committer({
    store: {
      commit: async (writes) => {
        store.onCommit();
        await new Promise(setImmediate);
        const keys = writes.map((one) => ('key' in one ? one.key : ''));
        if (store.isDown || keys.some((key) => key === store.bad)) throw new Error('refused');
        happened.push(`wrote ${keys.join()}`);
      },
    },
    clock: new FakeClock(),
    defer: setImmediate,
    rolledBack: () => happened.push('rolled back'),
  });
  const save = (key: string, pace: 'now' | 'lazy' = 'now'): Promise<string> =>
    committer
      .save([write(key)], pace, () => happened.push(`undo ${key}`))
      .then(
        () => `${key} ok`,
        () => `${key} failed`,
      );
  return { committer, happened, store, save };
}

test('a bad save costs neither those before it, and takes back those after it, newest first', async () => {
  const { happened, store, save } = setup();
  store.bad = 'c';
  expect(await Promise.all(['a', 'b', 'c', 'd'].map((key) => save(key)))).toEqual([
    'a ok',
    'b ok',
    'c failed',
    'd failed',
  ]);
  expect(happened).toEqual(['wrote a', 'wrote b', 'undo d', 'undo c', 'rolled back']);
});

test('what was saved while a transaction was failing is taken back too, also what could wait', async () => {
  const { committer, happened, store, save } = setup();
  store.isDown = true;
  const arrived = Promise.withResolvers<void>();
  store.onCommit = arrived.resolve;
  const first = save('a');
  await arrived.promise;
  const others = [save('b', 'lazy'), save('c')];
  expect(await Promise.all([first, ...others])).toEqual(['a failed', 'b failed', 'c failed']);
  expect(happened).toEqual(['undo c', 'undo b', 'undo a', 'rolled back']);
  expect(committer.isIdle).toBe(true);
});

test('a store that is away for a while fails each save at once, and takes the first one after', async () => {
  const { committer, happened, store, save } = setup();
  store.isDown = true;
  for (const key of ['a', 'b', 'c']) expect(await save(key)).toBe(`${key} failed`);
  store.isDown = false;
  expect(await save('d')).toBe('d ok');
  expect(happened.at(-1)).toBe('wrote d');
  expect(committer.isIdle).toBe(true);
});
