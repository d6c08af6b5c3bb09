/** Certificates for tests: X.509 by hand, because Node cannot make any and `openssl` refuses the names of meta certificates. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { utf8 } from '#shared/bytes/bytes.ts';

export interface CertificateOptions {
  readonly commonName: string;
  readonly dnsNames?: readonly string[];
  readonly serial?: number;
  readonly validFromMs?: number;
  readonly validToMs?: number;
  /** Who signs; itself when absent. */
  readonly issuer?: Certificate;
  readonly isAuthority?: boolean;
}

export interface Certificate {
  readonly commonName: string;
  readonly key: KeyObject;
  readonly keyPem: string;
  readonly pem: string;
  /** Lower-case hex, as relay maps pin it. */
  readonly sha256: string;
}

const DAY_MS = 86_400_000;

/** One element of DER: tag, length, content. */
function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  // The shortest form of the length is the only one (X.690 §10.1); strict parsers look.
  if (body.length < 0x80) return Buffer.concat([Uint8Array.of(tag, body.length), body]);
  if (body.length < 0x100) return Buffer.concat([Uint8Array.of(tag, 0x81, body.length), body]);
  return Buffer.concat([Uint8Array.of(tag, 0x82, body.length >> 8, body.length & 255), body]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => element(0x30, ...parts);
const name = (commonName: string): Buffer =>
  sequence(
    element(0x31, sequence(element(0x06, Uint8Array.of(0x55, 0x04, 0x03)), element(0x0c, utf8(commonName)))),
  );
/** UTCTime, two digits of the year: good until 2049 (RFC 5280 §4.1.2.5). */
const time = (ms: number): Buffer =>
  element(0x17, utf8(`${new Date(ms).toISOString().slice(2, 19).replaceAll(/[-:T]/g, '')}Z`));

/** id-ce-… and its value. */
const extension = (id: number, value: Buffer): Buffer =>
  sequence(element(0x06, Uint8Array.of(0x55, 0x1d, id)), element(0x04, value));

function extensions({ dnsNames = [], isAuthority = false }: CertificateOptions): Buffer {
  const constraints = extension(0x13, sequence(...(isAuthority ? [element(0x01, Uint8Array.of(0xff))] : [])));
  const names = dnsNames.map((dns) => element(0x82, utf8(dns)));
  return element(
    0xa3,
    sequence(constraints, ...(names.length === 0 ? [] : [extension(0x11, sequence(...names))])),
  );
}

export function makeCertificate(options: CertificateOptions): Certificate {
  const { commonName, serial = 1, issuer } = options;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // ecdsa-with-SHA256, RFC 5758 §3.2.
  const algorithm = sequence(element(0x06, Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02)));
  const body = sequence(
    element(0xa0, element(0x02, Uint8Array.of(2))),
    element(0x02, Uint8Array.of(serial)),
    algorithm,
    name(issuer?.commonName ?? commonName),
    sequence(
      time(options.validFromMs ?? Date.now() - DAY_MS),
      time(options.validToMs ?? Date.now() + DAY_MS),
    ),
    name(commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    extensions(options),
  );
  const signature = sign('sha256', body, issuer?.key ?? privateKey);
  const der = sequence(body, algorithm, element(0x03, Uint8Array.of(0), signature));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    commonName,
    key: privateKey,
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    pem: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    sha256: createHash('sha256').update(der).digest('hex'),
  };
}

/** What a relay appends to its chain to tell its key (nat-traversal.md §1.3). */
export const metaCertificate = (publicKeyHex: string): Certificate =>
  makeCertificate({ commonName: `derpkey${publicKeyHex}`, serial: 2 });
