/** The TLS side of a relay: certificate chain with the meta certificate last, and its replacement while running. */
import https from 'node:https';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Log } from '#shared/log/log.ts';
import type { CertificateSource } from './certificates.ts';
import type { CertificatePair } from './self-certificate.ts';

/** RFC 8737 §6.2. */
const ACME_PROTOCOL = 'acme-tls/1';
/** The relay protocol begins as HTTP/1.1; a client that negotiated HTTP/2 would be lost (nat-traversal.md §9.2). */
const HTTP_1 = 'http/1.1';
const HANDSHAKE_MS = 10_000;

/** The meta certificate comes last, so that ordinary chain building doesn't see it. */
export const withMeta = (pair: CertificatePair, meta: string): string => `${pair.cert.trimEnd()}\n${meta}`;

export function makeTlsServer(
  options: https.ServerOptions,
  source: CertificateSource,
  meta: string,
  log: Log,
): https.Server {
  const context = (pair: CertificatePair) => ({
    cert: withMeta(pair, meta),
    key: pair.key,
    minVersion: 'TLSv1.2' as const,
  });
  const { current } = source;
  const server = https.createServer({
    ...options,
    handshakeTimeout: HANDSHAKE_MS,
    minVersion: 'TLSv1.2',
    ...(current === undefined ? {} : context(current)),
    ...(source.challengeFor === undefined ? {} : challengeOptions(source)),
  });
  source.onChange((pair) => {
    try {
      server.setSecureContext(context(pair));
    } catch (error) {
      log('error', 'certificate.refused', { error });
    }
  });
  return server;
}

/** While an authority looks, it is shown its own certificate; everybody else gets the usual one. */
function challengeOptions(
  source: CertificateSource,
): Pick<https.ServerOptions, 'ALPNCallback' | 'SNICallback'> {
  return {
    ALPNCallback: ({ protocols, servername }) => {
      if (protocols.includes(ACME_PROTOCOL) && source.challengeFor?.(servername) !== undefined)
        return ACME_PROTOCOL;
      return protocols.includes(HTTP_1) ? HTTP_1 : undefined;
    },
    SNICallback: (servername, done) => {
      const pair = source.challengeFor?.(servername);
      done(null, pair === undefined ? undefined : contextOf(pair));
    },
  };
}

const contextOf = (pair: CertificatePair): SecureContext =>
  createSecureContext({ cert: pair.cert, key: pair.key });
