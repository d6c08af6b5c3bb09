/** Writes a self-signed X.509 certificate (RFC 5280) with the few fields that relays use. */
import { type KeyObject, sign } from 'node:crypto';
import {
  bitString,
  boolean,
  explicit,
  integer,
  octetString,
  oid,
  sequence,
  set,
  time,
  utf8String,
} from './der.ts';

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  /** DER of the value, before it is wrapped in an octet string. */
  readonly value: Uint8Array;
}

export interface CertificateFields {
  /** Subject and issuer; may be longer than the 64 characters that tools enforce. */
  readonly commonName: string;
  /** Big-endian. */
  readonly serial: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly Extension[];
}

const COMMON_NAME = '2.5.4.3';
const ED25519 = '1.3.101.112';
const ECDSA_SHA256 = '1.2.840.10045.4.3.2';

/** The DER of a certificate signed with its own key, which is Ed25519 or an elliptic curve for ECDSA. */
export function selfSigned(
  fields: CertificateFields,
  privateKey: KeyObject,
  publicKey: KeyObject,
): Uint8Array {
  const isEd25519 = privateKey.asymmetricKeyType === 'ed25519';
  const algorithm = sequence(oid(isEd25519 ? ED25519 : ECDSA_SHA256));
  const name = sequence(set(sequence(oid(COMMON_NAME), utf8String(fields.commonName))));
  const body = sequence(
    explicit(0, integer(Uint8Array.of(2))),
    integer(fields.serial),
    algorithm,
    name,
    sequence(time(fields.notBeforeMs), time(fields.notAfterMs)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...fields.extensions.map(extensionDer))),
  );
  const signature = sign(isEd25519 ? null : 'sha256', body, privateKey);
  return sequence(body, algorithm, bitString(signature));
}

const extensionDer = (one: Extension): Uint8Array =>
  one.critical
    ? sequence(oid(one.oid), boolean(true), octetString(one.value))
    : sequence(oid(one.oid), octetString(one.value));

/** "This certificate signs no others." */
export const notAuthority: Extension = { oid: '2.5.29.19', critical: true, value: sequence() };

/** PEM (RFC 7468): 64 characters a line. */
export function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
