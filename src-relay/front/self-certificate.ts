/** The relay's own certificate, for relays without a name that an authority would vouch for: made once and kept, pinned by its hash. */
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { utf8 } from '#shared/bytes/bytes.ts';
import { RhumbError } from '#shared/errors.ts';
import { parseIp } from '#shared/ip/address.ts';
import { writeFileAtomic } from '#shared/node/atomic-file.ts';
import { codeOf } from '#shared/node/net-error.ts';
import { type Extension, notAuthority, pem, selfSigned } from './certificate.ts';
import { bitString, implicit, oid, sequence } from './der.ts';

export interface CertificatePair {
  /** PEM: the leaf, then whoever signed it. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

const DAY_MS = 86_400_000;
/** Clients compare the hash, so renewing means changing every relay map: hardly ever. */
const LIFETIME_MS = 10 * 365 * DAY_MS;
/** Clocks of machines without a battery are often behind. */
const BACKDATED_MS = DAY_MS;
const RENEW_BEFORE_MS = 30 * DAY_MS;

const KEY_USAGE = '2.5.29.15';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const ALTERNATIVE_NAME = '2.5.29.17';
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';
/** Bit 0, digitalSignature; the other seven are unused. */
const DIGITAL_SIGNATURE = bitString(Uint8Array.of(0x80), 7);

/** How a relay map names exactly this certificate (`CertName`, control-protocol.md §4.9.3). */
export function pinOf(pair: CertificatePair): string {
  const { raw } = new X509Certificate(pair.cert);
  return `sha256-raw:${createHash('sha256').update(raw).digest('hex')}`;
}

/** A fresh pair for `host`, a name or an address. */
export function makeSelfCertificate(host: string, nowMs: number): CertificatePair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = selfSigned(
    {
      commonName: host.slice(0, 64),
      // Positive and at most 20 bytes (RFC 5280 §4.1.2.2).
      serial: randomBytes(16),
      notBeforeMs: nowMs - BACKDATED_MS,
      notAfterMs: nowMs + LIFETIME_MS,
      extensions: [
        notAuthority,
        { oid: KEY_USAGE, critical: true, value: DIGITAL_SIGNATURE },
        { oid: EXTENDED_KEY_USAGE, critical: false, value: sequence(oid(SERVER_AUTHENTICATION)) },
        alternativeName(host),
      ],
    },
    privateKey,
    publicKey,
  );
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { cert: pem('CERTIFICATE', der), key };
}

function alternativeName(host: string): Extension {
  const ip = parseIp(host);
  // GeneralName (RFC 5280 §4.2.1.6): 2 is a DNS name, 7 an address.
  const name = ip === undefined ? implicit(2, utf8(host)) : implicit(7, ip);
  return { oid: ALTERNATIVE_NAME, critical: false, value: sequence(name) };
}

/** Takes the pair kept in `folder`, or makes one where there is none, or none that still serves for `host`. */
export async function keepSelfCertificate(
  folder: string,
  host: string,
  nowMs: number,
): Promise<CertificatePair> {
  const certFile = join(folder, 'self.crt');
  const keyFile = join(folder, 'self.key');
  const kept = await readPair(certFile, keyFile);
  if (kept !== undefined && isUsable(kept, host, nowMs)) return kept;
  const fresh = makeSelfCertificate(host, nowMs);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFileAtomic(keyFile, fresh.key);
    // A crash before this line leaves a pair that doesn't match, which the next start replaces.
    await writeFileAtomic(certFile, fresh.cert, 0o644);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('unavailable', `can't keep the relay's certificate in ${folder}: ${why}`, { cause });
  }
  return fresh;
}

async function readPair(certFile: string, keyFile: string): Promise<CertificatePair | undefined> {
  try {
    return { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    const why = error instanceof Error ? error.message : String(error);
    throw new RhumbError('unavailable', `can't read the relay's certificate: ${why}`, { cause: error });
  }
}

function isUsable(pair: CertificatePair, host: string, nowMs: number): boolean {
  try {
    const leaf = new X509Certificate(pair.cert);
    return (
      leaf.checkPrivateKey(createPrivateKey(pair.key)) &&
      coversHost(leaf, host) &&
      leaf.validToDate.getTime() - nowMs > RENEW_BEFORE_MS
    );
  } catch {
    return false; // half written or not a certificate: replaced by a good one
  }
}

/** Whether a client that dials `host` would take this certificate's names. */
export const coversHost = (leaf: X509Certificate, host: string): boolean =>
  isIP(host) !== 0 ? leaf.checkIP(host) !== undefined : leaf.checkHost(host) !== undefined;
