/** Whether the certificates of a relay are those that the relay map asks for (nat-traversal.md §1.2, §1.3). */
import { isIP } from 'node:net';
import { fromHex } from '../../bytes/hex.ts';
import type { DerpNode } from '../../wire/map.ts';

/** What makes a relay's certificate good. */
export type Trust =
  /** A chain to a known authority, for that name or address. */
  | { readonly kind: 'name'; readonly name: string }
  /** Exactly this certificate, SHA-256 of its DER in lower-case hex. */
  | { readonly kind: 'pin'; readonly sha256: string }
  | { readonly kind: 'anything' }
  /** The relay map is wrong; no certificate can be right. */
  | { readonly kind: 'nothing'; readonly why: string };

/** One certificate as the relay presented it. */
export interface Presented {
  readonly commonName: string;
  /** Lower-case hex. */
  readonly serial: string;
  readonly sha256: string;
  readonly validFromMs: number;
  readonly validToMs: number;
  readonly isFor: (name: string) => boolean;
}

const PIN = 'sha256-raw:';
const META = 'derpkey';

/** A pin or another name than the relay's own is asked for even in tests: official clients look at them all the same. */
export function trustOf(node: DerpNode): Trust {
  const { CertName: name = '', HostName } = node;
  if (!name.startsWith(PIN)) {
    const isOwnName = name === '' || name === HostName || isIP(HostName) !== 0;
    if (node.InsecureForTests === true && isOwnName) return { kind: 'anything' };
    return { kind: 'name', name: name === '' ? HostName : name };
  }
  const sha256 = name.slice(PIN.length).toLowerCase();
  return /^[0-9a-f]{64}$/.test(sha256)
    ? { kind: 'pin', sha256 }
    : { kind: 'nothing', why: 'the relay map has a malformed certificate pin for it' };
}

/**
 * Why the pinned certificate is not what was presented, or undefined. The first certificate is the one that TLS proved the
 * possession of, so it alone can be the pinned one; beside it only meta certificates may stand. `name` is the server name
 * of the handshake: undefined for a relay that is known by its address.
 */
export function checkPin(
  certificates: readonly Presented[],
  sha256: string,
  name: string | undefined,
  nowMs: number,
): string | undefined {
  const [leaf, ...others] = certificates;
  if (leaf === undefined || isMeta(leaf)) return 'it presented no certificate';
  if (leaf.sha256 !== sha256) return 'its certificate is not the one that the relay map pins';
  if (!others.every(isMeta)) return 'it presented more certificates than the pinned one';
  if (name !== undefined && !leaf.isFor(name)) return 'its certificate is for another name';
  if (nowMs > leaf.validToMs) return 'its certificate has expired';
  if (nowMs < leaf.validFromMs) return 'its certificate is not valid yet; is the clock right?';
  return undefined;
}

const isMeta = (certificate: Presented): boolean => certificate.commonName.startsWith(META);

/** The relay's public key from its meta certificate; nobody verifies that, the handshake that follows does. */
export function metaKey(certificates: readonly Presented[]): Uint8Array | undefined {
  for (const { commonName, serial } of certificates) {
    if (!commonName.startsWith(META)) continue;
    const key = fromHex(commonName.slice(META.length));
    // The serial is the protocol version: one byte, and 0 means none.
    if (key?.length === 32 && /^0*[0-9a-f]{1,2}$/.test(serial) && !/^0*$/.test(serial)) return key;
  }
  return undefined;
}
