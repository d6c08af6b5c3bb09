/** The meta certificate has exactly what clients look for, and reaches them through a real handshake. */
import { X509Certificate } from 'node:crypto';
import https from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { nodeKeyFrom } from '#shared/key/key.ts';
import { listen } from './listen.ts';
import { metaCertificate } from './meta-certificate.ts';
import { makeSelfCertificate } from './self-certificate.ts';
import { withMeta } from './tls.ts';

const KEY = nodeKeyFrom(Uint8Array.from({ length: 32 }, (_, index) => index));
const HEX = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
const NOW = Date.UTC(2026, 10, 22);

test('its name carries the key, its number the protocol version, and it signs itself', () => {
  const meta = new X509Certificate(metaCertificate(KEY, NOW));
  expect(meta.subject).toBe(`CN=derpkey${HEX}`);
  expect(meta.issuer).toBe(meta.subject);
  expect(meta.serialNumber).toBe('02');
  expect(meta.ca).toBe(false);
  expect(meta.verify(meta.publicKey)).toBe(true);
  expect(meta.publicKey.asymmetricKeyType).toBe('ed25519');
  expect(meta.validFromDate.getTime()).toBe(NOW - 30 * 86_400_000);
  expect(meta.validToDate.getTime()).toBe(NOW + 30 * 86_400_000);
});

test('a client sees it last in the chain', async () => {
  const pair = makeSelfCertificate('relay.example.com', Date.now());
  const cert = withMeta(pair, metaCertificate(KEY, Date.now()));
  const server = https.createServer({ cert, key: pair.key, minVersion: 'TLSv1.2' });
  const port = await listen(server, { host: '127.0.0.1', port: 0 }, 'TLS');
  const socket = await new Promise<TLSSocket>((resolve, reject) => {
    const opened = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => resolve(opened));
    opened.on('error', reject);
  });
  const leaf = socket.getPeerX509Certificate();
  const names: (string | undefined)[] = [];
  for (let one = leaf; one !== undefined; one = one.issuerCertificate) names.push(one.subject);
  expect(socket.getProtocol()).toBe('TLSv1.3');
  expect(names).toEqual(['CN=relay.example.com', `CN=derpkey${HEX}`]);
  socket.destroy();
  server.close();
});
