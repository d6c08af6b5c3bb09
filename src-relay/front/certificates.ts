/** Where the relay's TLS certificate comes from: files somebody else keeps, one of our own, or an authority (ACME). */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { type CertificatePair, coversHost, keepSelfCertificate } from './self-certificate.ts';

/** A certificate now, and news of its successors. */
export interface CertificateSource extends AsyncDisposable {
  /** Undefined until an authority has given the first one. */
  readonly current: CertificatePair | undefined;
  /** Looks again, at once; a failure keeps what there is and is logged. */
  reload(): Promise<void>;
  onChange(fn: (pair: CertificatePair) => void): void;
  /** The certificate that proves control of a name inside TLS (RFC 8737), while an authority is looking. */
  challengeFor?(serverName: string): CertificatePair | undefined;
  /** The answer to `GET /.well-known/acme-challenge/<token>`. */
  httpChallenge?(token: string): string | undefined;
}

export interface FileCertificateOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** Undefined = any name will do. */
  readonly host: string | undefined;
  /** Why a new certificate was not taken over, each time; and each look that found nothing wrong. */
  readonly failed?: (why: string) => void;
  readonly succeeded?: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** A changed file is noticed within this time without any signal. */
const LOOK_EVERY_MS = 60_000;
const EXPIRES_SOON_MS = 14 * 86_400_000;

/** `<certdir>/<hostname>.crt` and `.key`; what can't stand in a file name is left out, as the official relay does. */
export function manualFiles(folder: string, host: string): { certFile: string; keyFile: string } {
  const name = host.replace(/[^A-Za-z0-9.-]/g, '');
  return { certFile: join(folder, `${name}.crt`), keyFile: join(folder, `${name}.key`) };
}

/** Files kept by somebody else, looked at every minute. Rejects when they can't be used at the start. */
export async function fileCertificate(options: FileCertificateOptions): Promise<CertificateSource> {
  const { clock, log, certFile } = options;
  const listeners: ((pair: CertificatePair) => void)[] = [];
  let current = await readPair(options);
  let seen = await stamp(options);
  let cancel: (() => void) | undefined;
  let isClosed = false;
  const look = async (force: boolean): Promise<void> => {
    try {
      const now = await stamp(options);
      if (now === seen && !force) return options.succeeded?.();
      const next = await readPair(options);
      seen = now;
      options.succeeded?.();
      if (next.cert === current.cert && next.key === current.key) return;
      current = next;
      log('info', 'certificate.reloaded', { file: certFile });
      for (const listener of listeners) listener(current);
    } catch (error) {
      const why = toRhumbError(error).message;
      log('warn', 'certificate.reload-failed', { file: certFile, error: why });
      options.failed?.(why);
    }
  };
  const arm = (): void => {
    cancel = clock.after(LOOK_EVERY_MS, () => {
      void look(false).then(() => {
        warnOfExpiry(current, clock.now(), log);
        if (!isClosed) arm();
      });
    });
  };
  arm();
  warnOfExpiry(current, clock.now(), log);
  return {
    get current() {
      return current;
    },
    reload: () => look(true),
    onChange: (fn) => void listeners.push(fn),
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      cancel?.();
    },
  };
}

/** One of our own; it never changes while we run. */
export async function selfCertificate(
  folder: string,
  host: string,
  nowMs: number,
): Promise<CertificateSource> {
  const current = await keepSelfCertificate(folder, host, nowMs);
  return {
    current,
    reload: async () => undefined,
    onChange: () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function readPair(options: FileCertificateOptions): Promise<CertificatePair> {
  const { certFile, keyFile, host } = options;
  let pair: CertificatePair;
  try {
    pair = { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('bad-argument', `can't read the certificate or its key: ${why}`, { cause });
  }
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(pair.cert);
    if (!leaf.checkPrivateKey(createPrivateKey(pair.key))) throw new Error('they do not belong together');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('bad-argument', `can't use ${certFile} with ${keyFile}: ${why}`, { cause });
  }
  if (host !== undefined && !coversHost(leaf, host))
    throw new RhumbError(
      'bad-argument',
      `the certificate ${certFile} is not for ${host} but for ${leaf.subjectAltName ?? leaf.subject}`,
    );
  return pair;
}

async function stamp(options: FileCertificateOptions): Promise<string> {
  const [cert, key] = await Promise.all([stat(options.certFile), stat(options.keyFile)]);
  return `${cert.ino} ${cert.mtimeMs} ${cert.size} ${key.ino} ${key.mtimeMs} ${key.size}`;
}

export function warnOfExpiry(pair: CertificatePair, nowMs: number, log: Log): void {
  const until = new X509Certificate(pair.cert).validToDate.getTime();
  if (until <= nowMs) log('error', 'certificate.expired', { until: new Date(until).toISOString() });
  else if (until - nowMs < EXPIRES_SOON_MS)
    log('warn', 'certificate.expires-soon', { until: new Date(until).toISOString() });
}

/** Names that clients may ask for in TLS must be names. */
export const isHostName = (text: string): boolean =>
  isIP(text) !== 0 || (/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(text) && !text.includes('..'));
