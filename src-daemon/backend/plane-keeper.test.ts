/** Keeping the data plane at the newest wish. */
import { expect, test } from 'vitest';
import { privateKeyFrom } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock, settle } from '#shared/testing/fake-clock.ts';
import { NO_FIREWALL } from '../router/types.ts';
import type { PlaneConfig } from './plane.ts';
import { PlaneKeeper } from './plane-keeper.ts';

const config = (name: string): PlaneConfig => ({
  privateKey: privateKeyFrom(new Uint8Array(32)),
  addresses: [name],
  peers: [],
  routes: [],
  localRoutes: [],
  accepts: [],
  firewall: NO_FIREWALL,
  dns: undefined,
  derpMap: undefined,
  filter: [],
  shieldsUp: false,
  engineFlags: {},
});

function setUp() {
  const clock = new FakeClock();
  const applied: (string | undefined)[] = [];
  const told: (string | undefined)[] = [];
  const state = { failures: 0 };
  let finish: (() => void) | undefined;
  const keeper = new PlaneKeeper({
    clock,
    random: () => 0.5,
    log: silent,
    settled: (error) => told.push(error),
    plane: {
      configure: async (wanted) => {
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
        if (state.failures > 0) {
          state.failures--;
          throw new Error('ip: busy');
        }
        applied.push(wanted?.addresses[0]);
      },
    },
  });
  const next = async (): Promise<void> => {
    finish?.();
    await settle();
  };
  return { clock, keeper, applied, told, state, next };
}

test('wishes that come during a change are skipped but the last', async () => {
  const { keeper, applied, next } = setUp();
  for (const name of ['a', 'b', 'c']) keeper.want(config(name));
  expect(keeper.isApplied).toBe(false);
  await next();
  expect(keeper.isApplied).toBe(false);
  await next();
  await keeper.idle();
  expect(applied).toEqual(['a', 'c']);
  expect(keeper.isApplied).toBe(true);
});

test('the same object again is no wish', async () => {
  const { keeper, applied, next } = setUp();
  const wish = config('a');
  keeper.want(wish);
  await next();
  keeper.want(wish);
  await keeper.idle();
  expect(applied).toEqual(['a']);
});

test('a failure is told and tried again, later each time', async () => {
  const { clock, keeper, applied, told, state, next } = setUp();
  state.failures = 2;
  keeper.want(config('a'));
  await next();
  expect(told).toEqual(['ip: busy']);
  await clock.advance(1_000);
  await next();
  await clock.advance(1_300);
  await next();
  expect(applied).toEqual(['a']);
  expect(told.at(-1)).toBeUndefined();
  expect(clock.pending).toBe(0);
});

test('a new wish does not wait out the old one’s retry', async () => {
  const { clock, keeper, applied, state, next } = setUp();
  state.failures = 1;
  keeper.want(config('a'));
  await next();
  keeper.want(undefined);
  await next();
  expect(applied).toEqual([undefined]);
  expect(clock.pending).toBe(0);
});

test('closing waits for the change under way and starts none', async () => {
  const { clock, keeper, applied, next } = setUp();
  keeper.want(config('a'));
  const closed = keeper.close();
  keeper.want(config('b'));
  await next();
  await closed;
  expect(applied).toEqual(['a']);
  expect(clock.pending).toBe(0);
});

test('what was wanted before closing still comes into force: it says what stays closed afterwards', async () => {
  const { keeper, applied, next } = setUp();
  keeper.want(config('a'));
  keeper.want(undefined, { lan: [] });
  const closed = keeper.close();
  await next();
  await next();
  await closed;
  expect(applied).toEqual(['a', undefined]);
});
