/** Hearing of what others take away, among much that we take away ourselves. */
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock, settle } from '#shared/testing/fake-clock.ts';
import { type Deletion, Restorer } from './restorer.ts';

function setUp() {
  const clock = new FakeClock();
  const restored: string[][] = [];
  const state = { failures: 0 };
  let tell: (deletion: Deletion) => void = () => undefined;
  const restorer = new Restorer({
    clock,
    log: silent,
    watch: (onDeletion, signal) => {
      tell = onDeletion;
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    },
    concerns: () => true,
    restore: async (what) => {
      restored.push([...what]);
      if (state.failures-- > 0) throw new Error('busy');
    },
  });
  restorer.start();
  const pass = async (ms: number): Promise<void> => {
    await clock.advance(ms);
    await settle();
  };
  return { clock, restorer, restored, state, pass, tell: (deletion: Deletion) => tell(deletion) };
}

test('what another did is not lost among thousands of changes of our own', async () => {
  const { restorer, restored, tell, pass } = setUp();
  tell({ what: 'firewall', pid: 7 });
  for (let i = 0; i < 5_000; i++) tell({ what: 'route', table: 52, pid: 8 });
  restorer.own([8]);
  await pass(250);
  expect(restored).toEqual([['firewall']]);
});

test('more than can be told apart is looked at as a whole', async () => {
  const { restored, tell, pass } = setUp();
  for (let i = 0; i < 1_000; i++) tell({ what: 'rule', priority: i, pid: 7 });
  await pass(250);
  expect(restored).toEqual([expect.arrayContaining(['all'])]);
});

test('what could not be put back is tried again, as a whole', async () => {
  const { restorer, restored, state, tell, pass } = setUp();
  state.failures = 2;
  tell({ what: 'firewall', pid: 7 });
  for (let i = 0; i < 8; i++) await pass(250);
  expect(restored).toEqual([['firewall'], ['all'], ['all']]);
  await restorer[Symbol.asyncDispose]();
});
