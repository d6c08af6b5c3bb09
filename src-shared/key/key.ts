/** Public and private keys as branded text, in the forms of the control protocol (control-protocol.md §1.1). */
import type { Opaque } from '../brand.ts';
import { fromHex, toHex } from '../bytes/hex.ts';
import { RhumbError } from '../errors.ts';

export type MachineKey = Opaque<string, 'MachineKey'>;
export type NodeKey = Opaque<string, 'NodeKey'>;
export type DiscoKey = Opaque<string, 'DiscoKey'>;
export type ChallengeKey = Opaque<string, 'ChallengeKey'>;
/** Tailnet-lock public key (Ed25519). */
export type LockKey = Opaque<string, 'LockKey'>;

/** 32 raw private bytes, already clamped. Never logged, never put into a string except by `formatPrivate`. */
export type PrivateKey = Opaque<Uint8Array, 'PrivateKey'>;

const ZERO_HEX = '0'.repeat(64);

function parser<T extends string>(prefix: string, what: string): (text: string) => T {
  return (text) => {
    const hex = text.startsWith(prefix) ? text.slice(prefix.length) : '';
    if (!/^[0-9a-fA-F]{64}$/.test(hex))
      throw new RhumbError('bad-argument', `not a ${what}: want ${prefix} and 64 hex digits`);
    return `${prefix}${hex.toLowerCase()}` as T;
  };
}

export const parseMachineKey = parser<MachineKey>('mkey:', 'machine key');
export const parseNodeKey = parser<NodeKey>('nodekey:', 'node key');
export const parseDiscoKey = parser<DiscoKey>('discokey:', 'disco key');
export const parseChallengeKey = parser<ChallengeKey>('chalpub:', 'challenge key');
export const parseLockKey = parser<LockKey>('nlpub:', 'tailnet-lock key');

export const ZERO_MACHINE_KEY: MachineKey = parseMachineKey(`mkey:${ZERO_HEX}`);
export const ZERO_NODE_KEY: NodeKey = parseNodeKey(`nodekey:${ZERO_HEX}`);
export const ZERO_PRIVATE_TEXT = `privkey:${ZERO_HEX}`;

type PublicKey = MachineKey | NodeKey | DiscoKey | ChallengeKey | LockKey;

/** The all-zero key means "absent". */
export const isZeroKey = (key: PublicKey): boolean => key.endsWith(ZERO_HEX);

/** The raw 32 bytes of a public key. */
export function keyBytes(key: PublicKey): Uint8Array {
  const bytes = fromHex(key.slice(key.indexOf(':') + 1));
  if (bytes === undefined) throw new RhumbError('internal', 'a branded key is not hex');
  return bytes;
}

const publicFrom =
  <T extends string>(prefix: string) =>
  (raw: Uint8Array): T => {
    if (raw.length !== 32)
      throw new RhumbError('bad-argument', `a public key has 32 bytes, not ${raw.length}`);
    return `${prefix}${toHex(raw)}` as T;
  };

export const machineKeyFrom = publicFrom<MachineKey>('mkey:');
export const nodeKeyFrom = publicFrom<NodeKey>('nodekey:');
export const discoKeyFrom = publicFrom<DiscoKey>('discokey:');
export const challengeKeyFrom = publicFrom<ChallengeKey>('chalpub:');
export const lockKeyFrom = publicFrom<LockKey>('nlpub:');

/** Copies and clamps 32 bytes (RFC 7748 §5) into a private key. */
export function privateKeyFrom(raw: Uint8Array): PrivateKey {
  if (raw.length !== 32)
    throw new RhumbError('bad-argument', `a private key has 32 bytes, not ${raw.length}`);
  const key = raw.slice();
  key[0] = (key[0] as number) & 248;
  key[31] = ((key[31] as number) & 127) | 64;
  return key as PrivateKey;
}

export function parsePrivateKey(text: string): PrivateKey {
  const raw = text.startsWith('privkey:') ? fromHex(text.slice('privkey:'.length)) : undefined;
  if (raw === undefined || raw.length !== 32)
    throw new RhumbError('bad-argument', 'not a private key: want privkey: and 64 hex digits');
  return privateKeyFrom(raw);
}

/** For the state file only. */
export const formatPrivate = (key: PrivateKey): string => `privkey:${toHex(key)}`;

/** The short form used in logs: `[` five base64 characters `]`. */
export function shortKey(key: NodeKey | MachineKey): string {
  if (isZeroKey(key)) return '';
  const raw = keyBytes(key);
  return `[${btoa(String.fromCharCode(...raw.subarray(0, 6))).slice(0, 5)}]`;
}
