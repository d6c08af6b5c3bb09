/** Warnings: delays, dependencies, and telling only what changed. */
import { expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { Health } from './health.ts';
import { warnings } from './warnings.ts';

const setUp = () => {
  const clock = new FakeClock();
  let changes = 0;
  const health = new Health(clock, () => {
    changes++;
  });
  return { clock, health, codes: () => health.visible().map(({ code }) => code), changes: () => changes };
};

test('a warning with a delay is told when it has lasted that long', async () => {
  const { clock, health, codes, changes } = setUp();
  health.set('not-in-map-poll', { error: 'refused' });
  await clock.advance(8 * 60_000 - 1);
  expect(codes()).toEqual([]);
  const before = changes();
  await clock.advance(1);
  expect(codes()).toEqual(['not-in-map-poll']);
  expect(changes()).toBe(before + 1);
});

test('trouble that ends before its delay is never told', async () => {
  const { clock, health, codes } = setUp();
  health.set('network-status');
  await clock.advance(4_000);
  health.clear('network-status');
  await clock.advance(10_000);
  expect(codes()).toEqual([]);
  expect(clock.pending).toBe(0);
});

test('what follows from another warning is hidden behind it', () => {
  const { health, codes } = setUp();
  health.set('login-state');
  health.set('wantrunning-false');
  expect(codes()).toEqual(['wantrunning-false']);
  health.clear('wantrunning-false');
  expect(codes()).toEqual(['login-state']);
});

test('saying the same again is no news, other words are, and the age stays', async () => {
  const { clock, health, changes } = setUp();
  health.report('login-state', true, { error: 'a' });
  const [first] = health.visible();
  await clock.advance(1_000);
  health.report('login-state', true, { error: 'a' });
  expect(changes()).toBe(1);
  health.report('login-state', true, { error: 'b' });
  expect(changes()).toBe(2);
  expect(health.visible()[0]?.brokenSince).toBe(first?.brokenSince);
  expect(health.visible()[0]?.text).toContain('b');
  health.report('login-state', false);
  health.report('login-state', false);
  expect(changes()).toBe(3);
});

test('messages of the server are shown as they came', () => {
  const { health } = setUp();
  const messages = new Map([['x', { title: 'T', text: 'Text', severity: 'strange' }]]);
  health.setServerMessages(messages, ['plain']);
  expect(health.visible()).toMatchObject([
    { code: 'control-health.x', title: 'T', text: 'Text', severity: 'medium' },
    { code: 'control-health.text-0', text: 'plain' },
  ]);
});

test('no warning depends on itself, not even through others', () => {
  for (const code of Object.keys(warnings) as (keyof typeof warnings)[]) {
    const seen = new Set<string>();
    const walk = (at: keyof typeof warnings): void => {
      for (const next of warnings[at].dependsOn) {
        expect(next).not.toBe(code);
        if (!seen.has(next)) {
          seen.add(next);
          walk(next);
        }
      }
    };
    walk(code);
  }
});
