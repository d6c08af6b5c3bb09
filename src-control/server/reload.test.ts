/** The configuration while the server runs: what holds at once, what needs a restart, and what a bad file does. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { loadConfig } from './config.ts';
import { LiveConfig } from './reload.ts';

const dir = mkdtempSync(join(tmpdir(), 'rhumb-reload-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const file = join(dir, 'config.yaml');

function open(text: string): { live: LiveConfig; clock: FakeClock } {
  writeFileSync(file, text);
  const clock = new FakeClock();
  const read = () => loadConfig(file, {});
  return { live: new LiveConfig(read(), { clock, log: silent, read, file }), clock };
}

test('what somebody listens for holds at once, the rest after a restart', async () => {
  const { live } = open('keyExpiry: 1h\nbaseDomain: a.test\n');
  const heard: number[] = [];
  live.on(['keyLifetimeMs'], (config) => void heard.push(config.keyLifetimeMs));
  writeFileSync(file, 'keyExpiry: 2h\nbaseDomain: b.test\n');
  expect(await live.reload()).toEqual({ applied: ['keyLifetimeMs'], needRestart: ['baseDomain'] });
  expect(heard).toEqual([7_200_000]);
  expect([live.current.keyLifetimeMs, live.current.baseDomain]).toEqual([7_200_000, 'a.test']);
  expect(await live.reload()).toMatchObject({ applied: [], needRestart: ['baseDomain'] });
});

test('a file that can’t be used changes nothing', async () => {
  const { live } = open('keyExpiry: 1h\n');
  live.on(['keyLifetimeMs']);
  writeFileSync(file, 'keyExpiry: soon\n');
  await expect(live.reload()).rejects.toThrow(/not a span of time/);
  expect(live.current.keyLifetimeMs).toBe(3_600_000);
});

test('what can’t be applied stays as it was', async () => {
  const { live } = open('minClientVersion: 90\n');
  live.on(['minClientVersion'], () => {
    throw new Error('no');
  });
  writeFileSync(file, 'minClientVersion: 100\n');
  expect(await live.reload()).toEqual({ applied: [], needRestart: [] });
  expect(live.current.minClientVersion).toBe(90);
});

test('a secret that changed is a change, though it never shows itself', async () => {
  const provider = 'issuer: https://id.example.com, clientId: a';
  const { live } = open(`oidc: {${provider}, clientSecret: one}\n`);
  expect((await live.reload()).needRestart).toEqual([]);
  writeFileSync(file, `oidc: {${provider}, clientSecret: two}\n`);
  expect((await live.reload()).needRestart).toEqual(['oidc']);
});

test('a file that was saved is noticed', async () => {
  const { live, clock } = open('keyExpiry: 1h\n');
  const heard = Promise.withResolvers<number>();
  live.on(['keyLifetimeMs'], (config) => heard.resolve(config.keyLifetimeMs));
  await live.watch();
  writeFileSync(file, 'keyExpiry: 30m # shorter\n');
  await clock.advance(5_000);
  expect(await heard.promise).toBe(1_800_000);
  live[Symbol.dispose]();
});
