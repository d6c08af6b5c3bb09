/** The server's certificate as the configuration has it: files that somebody keeps, an authority, or none. */
import http from 'node:http';
import { join } from 'node:path';
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { openAcme } from '../../src-relay/front/acme.ts';
import { type CertificateSource, fileCertificate } from '../../src-relay/front/certificates.ts';
import { listen } from '../../src-relay/front/listen.ts';
import { makeTlsServer } from '../../src-relay/front/tls.ts';
import type { Meter } from '../state/meter.ts';
import type { Config } from './config.ts';
import { acmeHost } from './ops-config.ts';

export interface CertificateDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** No new certificate could be had, or the files' new one is no good; said once a day at most. */
  readonly failed: (why: string) => void;
}

export interface ServerCertificate {
  readonly source: CertificateSource;
  /** Why the last renewal failed. */
  readonly problem: string | undefined;
}

const TELL_EVERY_MS = 86_400_000;

const CHALLENGE = '/.well-known/acme-challenge/';
const LIMITS = { headersTimeout: 5_000, requestTimeout: 10_000, maxHeaderSize: 8 * 1_024 };
const MAX_CONNECTIONS = 256;

/** Undefined = plain HTTP. */
export async function openCertificate(
  config: Config,
  deps: CertificateDeps,
): Promise<ServerCertificate | undefined> {
  const { clock, log, meter } = deps;
  let source: CertificateSource | undefined;
  let problem: string | undefined;
  let toldAt: number | undefined;
  const failed = (why: string): void => {
    // The same broken files are looked at again and again.
    if (problem !== why) meter.count('certificate_renewals', { result: 'failed' });
    problem = why;
    const now = clock.monotonic();
    if (toldAt !== undefined && now - toldAt < TELL_EVERY_MS) return;
    toldAt = now;
    deps.failed(why);
  };
  const succeeded = (): void => {
    problem = undefined;
    toldAt = undefined;
  };
  if (config.tls !== undefined)
    source = await fileCertificate({ ...config.tls, ...{ host: undefined, clock, log, failed, succeeded } });
  else if (config.acme !== undefined) {
    const { directoryUrl, email, challenge } = config.acme;
    const folder = join(config.stateDir, 'acme');
    source = await openAcme({
      ...{ folder, host: acmeHost(config.serverUrl), directoryUrl, email, challenge },
      ...{ clock, log, failed, succeeded },
    });
  }
  if (source === undefined) return undefined;
  source.onChange(() => meter.count('certificate_renewals', { result: 'taken' }));
  return {
    source,
    get problem() {
      return problem;
    },
  };
}

/** What listens: TLS with whatever certificate there is at the time, or plain HTTP. */
export const serverWith =
  (source: CertificateSource | undefined, meta: string, log: Log) =>
  (limits: http.ServerOptions): http.Server =>
    source === undefined ? http.createServer(limits) : makeTlsServer(limits, source, meta, log);

/** Where the authority looks over plain HTTP; everybody else is sent to the secure side. */
export async function openChallenges(
  config: Config,
  source: CertificateSource | undefined,
): Promise<AsyncDisposable | undefined> {
  if (config.acme?.challenge !== 'http-01' || source === undefined) return undefined;
  const host = acmeHost(config.serverUrl);
  const server = http.createServer(LIMITS, (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const answer = path.startsWith(CHALLENGE)
      ? source.httpChallenge?.(path.slice(CHALLENGE.length))
      : undefined;
    if (answer !== undefined) response.writeHead(200, { 'content-type': 'text/plain' }).end(answer);
    else if (path.startsWith(CHALLENGE)) response.writeHead(404).end();
    else response.writeHead(308, { location: `https://${host}${path.startsWith('/') ? path : '/'}` }).end();
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, config.acme.httpListen, 'ACME challenges');
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
