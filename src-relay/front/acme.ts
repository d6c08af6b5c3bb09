/** Certificates from an authority (RFC 8555): ordered at the first start, renewed in time, kept when a renewal fails. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import acme from 'acme-client';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { writeFileAtomic } from '#shared/node/atomic-file.ts';
import { codeOf } from '#shared/node/net-error.ts';
import { type CertificateSource, manualFiles, warnOfExpiry } from './certificates.ts';
import { type CertificatePair, coversHost } from './self-certificate.ts';

export interface AcmeOptions {
  readonly folder: string;
  readonly host: string;
  readonly directoryUrl: string;
  readonly email: string | undefined;
  readonly challenge: 'http-01' | 'tls-alpn-01';
  readonly clock: Clock;
  readonly log: Log;
  /** Why the authority gave none, each time; and when it gave one. */
  readonly failed?: (why: string) => void;
  readonly succeeded?: () => void;
}

/** The listeners open right after us, and the authority will want to see them. */
const FIRST_LOOK_MS = 500;
const LOOK_EVERY_MS = 3_600_000;
const RETRY_FIRST_MS = 60_000;
const RETRY_LAST_MS = 6 * 3_600_000;
/** An order that takes longer is given up and tried anew. */
const ORDER_MS = 300_000;
/** Renewal at two thirds of the lifetime leaves a third for failures. */
const RENEW_AT = 2 / 3;

export async function openAcme(options: AcmeOptions): Promise<CertificateSource> {
  const source = new AcmeSource(options);
  await source.start();
  return source;
}

/** When a certificate should be replaced. */
export function renewalTime(cert: string): number {
  const leaf = new X509Certificate(cert);
  const from = leaf.validFromDate.getTime();
  return from + (leaf.validToDate.getTime() - from) * RENEW_AT;
}

class AcmeSource implements CertificateSource {
  readonly #options: AcmeOptions;
  readonly #listeners: ((pair: CertificatePair) => void)[] = [];
  /** Answers for `GET /.well-known/acme-challenge/<token>`. */
  readonly #tokens = new Map<string, string>();
  readonly #proofs = new Map<string, CertificatePair>();
  #current: CertificatePair | undefined;
  #cancel: (() => void) | undefined;
  #failures = 0;
  #isClosed = false;
  #ordering: Promise<void> | undefined;

  constructor(options: AcmeOptions) {
    this.#options = options;
  }

  get current(): CertificatePair | undefined {
    return this.#current;
  }

  async start(): Promise<void> {
    const { folder, host, log } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
      throw new RhumbError('unavailable', `can't keep certificates in ${folder}: ${textOf(cause)}`, {
        cause,
      });
    });
    this.#current = await this.#readKept();
    if (this.#current === undefined) log('info', 'certificate.missing', { host });
    this.#arm(FIRST_LOOK_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
  }

  reload(): Promise<void> {
    this.#ordering ??= this.#look().finally(() => {
      this.#ordering = undefined;
    });
    return this.#ordering;
  }

  onChange(fn: (pair: CertificatePair) => void): void {
    this.#listeners.push(fn);
  }

  httpChallenge(token: string): string | undefined {
    return this.#tokens.get(token);
  }

  challengeFor(serverName: string): CertificatePair | undefined {
    return this.#proofs.get(serverName.toLowerCase());
  }

  #arm(ms: number): void {
    if (this.#isClosed) return;
    this.#cancel?.();
    this.#cancel = this.#options.clock.after(ms, () => void this.reload());
  }

  /** Renews when it is time; never throws, never takes away what there is. */
  async #look(): Promise<void> {
    const { clock, log, host } = this.#options;
    const current = this.#current;
    if (current !== undefined) {
      const left = renewalTime(current.cert) - clock.now();
      if (left > 0) {
        this.#arm(Math.min(LOOK_EVERY_MS, left));
        return;
      }
      // While renewals succeed, an end that is near is nothing to speak of.
      if (this.#failures > 0) warnOfExpiry(current, clock.now(), log);
    }
    try {
      const pair = await this.#order();
      if (this.#isClosed) return;
      await this.#keep(pair);
      this.#current = pair;
      this.#failures = 0;
      this.#options.succeeded?.();
      log('info', 'certificate.issued', { host, until: new X509Certificate(pair.cert).validTo });
      for (const listener of this.#listeners) listener(pair);
      this.#arm(Math.min(LOOK_EVERY_MS, Math.max(RETRY_FIRST_MS, renewalTime(pair.cert) - clock.now())));
    } catch (error) {
      const wait = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** this.#failures++);
      log('warn', 'certificate.order-failed', { host, error: textOf(error), retryInMs: wait });
      this.#options.failed?.(textOf(error));
      this.#arm(wait);
    } finally {
      this.#tokens.clear();
      this.#proofs.clear();
    }
  }

  async #order(): Promise<CertificatePair> {
    const { directoryUrl, email, challenge, host, clock } = this.#options;
    const client = new acme.Client({ directoryUrl, accountKey: await this.#accountKey() });
    await openAccount(client, email);
    const [key, csr] = await acme.crypto.createCsr(
      { commonName: host, altNames: [host] },
      await acme.crypto.createPrivateEcdsaKey('P-256'),
    );
    const order = client.auto({
      csr,
      termsOfServiceAgreed: true,
      challengePriority: [challenge],
      // The authority looks; looking ourselves first fails behind many NATs.
      skipChallengeVerification: true,
      challengeCreateFn: async (authorization, wanted, answer) => {
        if (wanted.type === 'http-01') {
          this.#tokens.set(wanted.token, answer);
          return;
        }
        const [proofKey, cert] = await acme.crypto.createAlpnCertificate(authorization, answer);
        const name = authorization.identifier.value.toLowerCase();
        this.#proofs.set(name, { cert: cert.toString(), key: proofKey.toString() });
      },
      challengeRemoveFn: async (authorization, wanted) => {
        this.#tokens.delete(wanted.token);
        this.#proofs.delete(authorization.identifier.value.toLowerCase());
      },
    });
    const enough = new AbortController();
    const late = clock.sleep(ORDER_MS, enough.signal).then(() => {
      throw new RhumbError('timeout', 'the authority took too long');
    });
    try {
      const cert = await Promise.race([order, late]);
      const pair = { cert, key: key.toString() };
      if (!coversHost(new X509Certificate(cert), host))
        throw new RhumbError('protocol', `the authority's certificate is not for ${host}`);
      return pair;
    } finally {
      enough.abort();
      late.catch(() => undefined);
    }
  }

  /** The same account for ever: authorities count them. */
  async #accountKey(): Promise<string> {
    const file = join(this.#options.folder, 'acme-account.key');
    try {
      return await readFile(file, 'utf8');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
    const key = (await acme.crypto.createPrivateEcdsaKey('P-256')).toString();
    await writeFileAtomic(file, key);
    return key;
  }

  /** One file with both would be simpler; these are what `--certmode manual` reads. */
  async #keep(pair: CertificatePair): Promise<void> {
    const { certFile, keyFile } = manualFiles(this.#options.folder, this.#options.host);
    await writeFileAtomic(keyFile, pair.key);
    await writeFileAtomic(certFile, pair.cert, 0o644);
  }

  async #readKept(): Promise<CertificatePair | undefined> {
    const { folder, host, log } = this.#options;
    const { certFile, keyFile } = manualFiles(folder, host);
    try {
      const pair = { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
      const leaf = new X509Certificate(pair.cert);
      if (leaf.checkPrivateKey(createPrivateKey(pair.key)) && coversHost(leaf, host)) return pair;
      log('warn', 'certificate.not-ours', { file: certFile });
    } catch (error) {
      if (codeOf(error) !== 'ENOENT')
        log('warn', 'certificate.unreadable', { file: certFile, error: toRhumbError(error).message });
    }
    return undefined;
  }
}

/** Finds the account of the key, or makes it. */
async function openAccount(client: acme.Client, email: string | undefined): Promise<void> {
  const contact = email === undefined ? {} : { contact: [`mailto:${email}`] };
  try {
    await client.createAccount({ termsOfServiceAgreed: true, ...contact });
  } catch (error) {
    // For an account that exists the library sends an update, which says nothing new and which some authorities refuse. By
    // then it knows the account.
    if (!hasAccount(client)) throw error;
  }
}

function hasAccount(client: acme.Client): boolean {
  try {
    return client.getAccountUrl() !== '';
  } catch {
    return false;
  }
}

/** The library stumbles over its own retries when nothing answers at all (TypeError). */
const textOf = (error: unknown): string =>
  error instanceof TypeError
    ? 'the authority does not answer: check the network and --acme-directory'
    : error instanceof Error
      ? error.message
      : String(error);
