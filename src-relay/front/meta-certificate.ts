/** The certificate that carries the relay's key and protocol version ahead of the protocol (nat-traversal.md §1.3). */
import { generateKeyPairSync } from 'node:crypto';
import { toHex } from '#shared/bytes/hex.ts';
import { keyBytes, type NodeKey } from '#shared/key/key.ts';
import { notAuthority, pem, selfSigned } from './certificate.ts';

/** What clients look for; the public key follows in hex. */
export const META_PREFIX = 'derpkey';
const PROTOCOL_VERSION = 2;
const THIRTY_DAYS_MS = 30 * 86_400_000;

/**
 * PEM, to be put after everything else in the chain. Its key is thrown away: nobody checks the signature, and the name of
 * 71 characters is longer than tools allow, so the certificate is written by hand.
 */
export function metaCertificate(publicKey: NodeKey, nowMs: number): string {
  const pair = generateKeyPairSync('ed25519');
  const fields = {
    commonName: `${META_PREFIX}${toHex(keyBytes(publicKey))}`,
    serial: Uint8Array.of(PROTOCOL_VERSION),
    notBeforeMs: nowMs - THIRTY_DAYS_MS,
    notAfterMs: nowMs + THIRTY_DAYS_MS,
    // Verifiers of some systems want it where subject and issuer are the same.
    extensions: [notAuthority],
  };
  return pem('CERTIFICATE', selfSigned(fields, pair.privateKey, pair.publicKey));
}
