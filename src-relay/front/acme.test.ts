/** When a certificate is renewed, and what a source without an authority in reach does; issuing is checked against pebble by hand. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { openAcme, renewalTime } from './acme.ts';
import { manualFiles } from './certificates.ts';
import { makeSelfCertificate } from './self-certificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'rhumb-acme-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const NOW = Date.UTC(2026, 10, 22);
const DAY_MS = 86_400_000;

test('it is renewed at two thirds of its lifetime', () => {
  // From a day before to ten years after.
  const wanted = NOW - DAY_MS + ((3_650 + 1) * DAY_MS * 2) / 3;
  expect(renewalTime(makeSelfCertificate('a.test', NOW).cert)).toBe(wanted);
});

const open = (clock: FakeClock) =>
  openAcme({
    folder,
    host: 'a.test',
    directoryUrl: 'https://127.0.0.1:9/dir',
    email: undefined,
    challenge: 'http-01',
    clock,
    log: silent,
  });

test('without a certificate there is none, and nothing is answered for an authority', async () => {
  await using source = await open(new FakeClock({ wallMs: NOW }));
  expect(source.current).toBeUndefined();
  expect(source.httpChallenge?.('x')).toBeUndefined();
  expect(source.challengeFor?.('a.test')).toBeUndefined();
});

test('one that is kept and young is used, without asking anybody', async () => {
  const { certFile, keyFile } = manualFiles(folder, 'a.test');
  const pair = makeSelfCertificate('a.test', NOW);
  writeFileSync(certFile, pair.cert);
  writeFileSync(keyFile, pair.key);
  const clock = new FakeClock({ wallMs: NOW });
  await using source = await open(clock);
  expect(source.current).toEqual(pair);
  await clock.advance(DAY_MS);
  expect(source.current).toEqual(pair);
});

test('one that is of another host or broken is not used', async () => {
  const { certFile, keyFile } = manualFiles(folder, 'a.test');
  const other = makeSelfCertificate('b.test', NOW);
  writeFileSync(certFile, other.cert);
  writeFileSync(keyFile, other.key);
  await using first = await open(new FakeClock({ wallMs: NOW }));
  expect(first.current).toBeUndefined();
  writeFileSync(certFile, 'broken');
  await using second = await open(new FakeClock({ wallMs: NOW }));
  expect(second.current).toBeUndefined();
});
