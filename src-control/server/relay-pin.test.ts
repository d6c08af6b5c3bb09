/** A server with a certificate of its own making: machines know its relay by the hash, also after the certificate was replaced. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { keepSelfCertificate, pinOf } from '../../src-relay/front/self-certificate.ts';
import { loopback, scratchDir } from '../testing/loopback.ts';

const dir = scratchDir();
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('a certificate that is replaced replaces the pin in the relay map', async () => {
  const [certFile, keyFile] = [join(dir, 'server.crt'), join(dir, 'server.key')];
  const pairs = [1, 2].map((n) => keepSelfCertificate(join(dir, String(n)), 'localhost', Date.now()));
  const [first, second] = await Promise.all(pairs);
  if (first === undefined || second === undefined) throw new Error('no certificates');
  const use = ({ cert, key }: typeof first): void => {
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
  };
  use(first);
  await using server = await loopback({ config: { tls: { certFile, keyFile } } });
  const pins = (): readonly (string | undefined)[] =>
    Object.values(server.server.hub.derpMap?.Regions ?? {}).flatMap(
      (region) => region?.Nodes?.flatMap(({ CertName }) => CertName ?? []) ?? [],
    );
  expect(new Set(pins())).toEqual(new Set([pinOf(first)]));
  use(second);
  await server.server.reloadCertificate();
  expect(new Set(pins())).toEqual(new Set([pinOf(second)]));
});
