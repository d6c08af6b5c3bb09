/** A relay's own certificate: good for its host only, kept between starts, made anew when it no longer serves. */
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keepSelfCertificate, makeSelfCertificate, pinOf } from './self-certificate.ts';

const NOW = Date.UTC(2026, 10, 22);
const YEAR_MS = 365 * 86_400_000;
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rhumb-relay-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([
  ['relay.example.com', 'DNS:relay.example.com'],
  ['192.0.2.1', 'IP Address:192.0.2.1'],
  ['2001:db8::1', 'IP Address:2001:DB8:0:0:0:0:0:1'],
])('for %s it names that and nothing else', (host, name) => {
  const leaf = new X509Certificate(makeSelfCertificate(host, NOW).cert);
  expect(leaf.subjectAltName).toBe(name);
  expect(leaf.verify(leaf.publicKey)).toBe(true);
  expect(leaf.ca).toBe(false);
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  expect(leaf.validToDate.getTime() - NOW).toBeGreaterThan(9 * YEAR_MS);
  expect(leaf.validFromDate.getTime()).toBeLessThan(NOW);
});

test('the pin is the hash of the certificate', () => {
  const pair = makeSelfCertificate('relay.example.com', NOW);
  const hash = new X509Certificate(pair.cert).fingerprint256.replaceAll(':', '').toLowerCase();
  expect(pinOf(pair)).toBe(`sha256-raw:${hash}`);
});

test('it is kept between starts, for its owner only', async () => {
  const first = await keepSelfCertificate(join(folder, 'kept'), '192.0.2.1', NOW);
  expect(await keepSelfCertificate(join(folder, 'kept'), '192.0.2.1', NOW + YEAR_MS)).toEqual(first);
  expect((await stat(join(folder, 'kept', 'self.key'))).mode & 0o777).toBe(0o600);
});

test.each([
  { name: 'another host', host: '192.0.2.2', nowMs: NOW, damage: undefined },
  { name: 'close to its end', host: '192.0.2.1', nowMs: NOW + 10 * YEAR_MS, damage: undefined },
  { name: 'a damaged file', host: '192.0.2.1', nowMs: NOW, damage: 'self.crt' },
  { name: 'a key of something else', host: '192.0.2.1', nowMs: NOW, damage: 'self.key' },
])('it is made anew for $name', async ({ host, nowMs, damage }) => {
  const place = join(folder, `${host}-${nowMs}-${damage}`);
  const first = await keepSelfCertificate(place, '192.0.2.1', NOW);
  if (damage !== undefined)
    await writeFile(join(place, damage), damage === 'self.crt' ? 'x' : makeSelfCertificate('a', NOW).key);
  const second = await keepSelfCertificate(place, host, nowMs);
  expect(second).not.toEqual(first);
  expect(new X509Certificate(second.cert).checkIP(host)).toBe(host);
});
