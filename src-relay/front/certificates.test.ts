/** Certificates from files: what is refused at the start, what is taken over while running, and the relay's key file. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Log } from '#shared/log/log.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { fileCertificate, manualFiles } from './certificates.ts';
import { loadOrMakeKey, readMeshKey } from './key-file.ts';
import { type CertificatePair, makeSelfCertificate } from './self-certificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'rhumb-relay-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const clock = new FakeClock({ wallMs: Date.UTC(2026, 10, 22) });
const YEAR_MS = 365 * 86_400_000;

const files = manualFiles(folder, 'relay.example.com');
function put(pair: CertificatePair): void {
  writeFileSync(files.certFile, pair.cert);
  writeFileSync(files.keyFile, pair.key);
}
const good = (): CertificatePair => makeSelfCertificate('relay.example.com', clock.now());
const open = (log: Log = silent) => fileCertificate({ ...files, host: 'relay.example.com', clock, log });

function recording(): { readonly events: string[]; readonly log: Log } {
  const events: string[] = [];
  const log: Log = Object.assign((_level: unknown, event: string) => void events.push(event), {
    child: () => log,
  });
  return { events, log };
}

test('the files are named after the host, as the official relay does', () => {
  expect(manualFiles('/c', 'relay.example.com')).toEqual({
    certFile: '/c/relay.example.com.crt',
    keyFile: '/c/relay.example.com.key',
  });
  expect(manualFiles('/c', '2001:db8::1').certFile).toBe('/c/2001db81.crt');
});

test.each([
  ['missing files', () => rmSync(files.certFile, { force: true }), "can't read the certificate or its key"],
  ['something else', () => put({ cert: 'x', key: 'y' }), "can't use"],
  ['another key', () => put({ ...good(), key: good().key }), 'they do not belong together'],
  [
    'another host',
    () => put(makeSelfCertificate('other.example.com', clock.now())),
    'is not for relay.example.com',
  ],
])('%s are refused at the start', async (_, prepare, message) => {
  put(good());
  prepare();
  await expect(open()).rejects.toThrow(message);
});

test('new files are noticed, and taken over at once on demand; bad ones change nothing', async () => {
  put(good());
  const { events, log } = recording();
  await using source = await open(log);
  const seen: CertificatePair[] = [];
  source.onChange((pair) => seen.push(pair));
  const second = good();
  put(second);
  await clock.advance(60_000);
  await expect.poll(() => seen).toEqual([second]);
  put({ cert: 'broken', key: 'broken' });
  await source.reload();
  expect(source.current).toEqual(second);
  expect(events).toEqual(['certificate.reloaded', 'certificate.reload-failed']);
  const third = good();
  put(third);
  await source.reload();
  expect(seen).toEqual([second, third]);
});

test('one that ends soon is warned of', async () => {
  put(makeSelfCertificate('relay.example.com', clock.now() - 10 * YEAR_MS + 86_400_000));
  const { events, log } = recording();
  await using _source = await open(log);
  expect(events).toEqual(['certificate.expires-soon']);
});

describe('the key file', () => {
  test('is made once, for its owner only, and read again', async () => {
    const path = join(folder, 'new', 'relay.key');
    const key = await loadOrMakeKey(path, silent);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      PrivateKey: expect.stringMatching(/^privkey:[0-9a-f]{64}$/),
    });
    expect(await loadOrMakeKey(path, silent)).toEqual(key);
    chmodSync(path, 0o644);
    const { events, log } = recording();
    await loadOrMakeKey(path, log);
    expect(events).toEqual(['key.readable-by-others']);
  });

  test.each(['', 'null', '{}', '{"PrivateKey":"privkey:00"}'])(
    'that holds %j is left alone',
    async (text) => {
      const path = join(folder, 'bad.key');
      writeFileSync(path, text);
      await expect(loadOrMakeKey(path, silent)).rejects.toThrow("is not a relay's key file");
      expect(readFileSync(path, 'utf8')).toBe(text);
    },
  );
});

test.each([
  ['a'.repeat(64), true],
  [`  ${'0f'.repeat(32)}\n`, true],
  ['A'.repeat(64), false],
  ['a'.repeat(63), false],
  ['', false],
])('a mesh key %j is good: %s', async (text, isGood) => {
  const path = join(folder, 'mesh.key');
  writeFileSync(path, text);
  if (isGood) expect(await readMeshKey(path)).toHaveLength(32);
  else await expect(readMeshKey(path)).rejects.toThrow('64 lowercase hex digits');
});
