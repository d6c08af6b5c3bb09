/** Auth keys, API keys and one-time codes: making, hashing and comparing; the secret itself is shown once and never kept. */
import { createHash, randomInt, timingSafeEqual } from 'node:crypto';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Crockford's base 32: no letter that is mistaken for a digit when read aloud. */
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

const PREFIX_CHARS = 12;
const SECRET_CHARS = 64;
const CODE_GROUPS = 4;
const CODE_GROUP_CHARS = 4;
const PENDING_CHARS = 24;

function randomText(alphabet: string, length: number): string {
  let out = '';
  for (let i = 0; i < length; i++) out += alphabet.charAt(randomInt(alphabet.length));
  return out;
}

export interface MintedKey {
  /** What the user keeps: `rhkey-<kind>-<prefix>-<secret>`. */
  readonly text: string;
  readonly prefix: string;
  readonly hash: Uint8Array;
}

/** What a secret is for, as its text says it. */
export type SecretKind = 'auth' | 'api' | 'client' | 'oauthtok';

/** The secret has 380 random bits, so a plain hash is enough (coordination-server.md §3). */
export function mintSecret(kind: SecretKind): MintedKey {
  const prefix = randomText(BASE62, PREFIX_CHARS);
  const secret = randomText(BASE62, SECRET_CHARS);
  return { text: `rhkey-${kind}-${prefix}-${secret}`, prefix, hash: sha256(secret) };
}

/**
 * Tools that insist on it may write `tskey-` in front instead of `rhkey-`: the rest says whose the key is. Keys that were
 * imported from Headscale begin with `hskey-`.
 */
const SECRET = /^(?:rh|ts|hs)key-(auth|api|client|oauthtok)-([0-9A-Za-z]{12})-([0-9A-Za-z]{64})$/;

export function parseSecret(
  text: string,
): { readonly kind: SecretKind; readonly prefix: string; readonly hash: Uint8Array } | undefined {
  const match = SECRET.exec(text.trim());
  if (match === null) return undefined;
  const [, kind, prefix, secret] = match as unknown as readonly [string, SecretKind, string, string];
  return { kind, prefix, hash: sha256(secret) };
}

/** Of older Headscale servers: no structure of its own, so its beginning stands for it. */
const LEGACY = /^([0-9a-f]{12})([0-9a-f]{36})$/;

/** What is kept of such a key, which its server kept whole. */
export const legacyAuthKey = (
  text: string,
): { readonly prefix: string; readonly hash: Uint8Array } | undefined =>
  LEGACY.test(text) ? parseAuthKey(text) : undefined;

export const mintAuthKey = (): MintedKey => mintSecret('auth');

export function parseAuthKey(
  text: string,
): { readonly prefix: string; readonly hash: Uint8Array } | undefined {
  const legacy = LEGACY.exec(text.trim());
  if (legacy?.[1] !== undefined && legacy[2] !== undefined)
    return { prefix: legacy[1], hash: sha256(legacy[2]) };
  const parsed = parseSecret(text);
  return parsed?.kind === 'auth' ? parsed : undefined;
}

/** `ABCD-EFGH-JKLM-NPQR`: 80 random bits, meant to be read over a telephone and to live for minutes. */
export function mintAdminCode(): { readonly text: string; readonly hash: Uint8Array } {
  const groups = Array.from({ length: CODE_GROUPS }, () => randomText(CROCKFORD, CODE_GROUP_CHARS));
  return { text: groups.join('-'), hash: sha256(groups.join('')) };
}

/** Forgives case, spaces, dashes and the usual mix-ups; undefined when it can't be a code at all. */
export function hashAdminCode(text: string): Uint8Array | undefined {
  const plain = text.toUpperCase().replace(/[\s-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1');
  return /^[0-9A-HJKMNP-TV-Z]{16}$/.test(plain) ? sha256(plain) : undefined;
}

/** Names a registration that waits for approval; knowing it lets one see the page, not approve. */
export const mintPendingId = (): string => `rhkey-authreq-${randomText(BASE62, PENDING_CHARS)}`;

export const sameHash = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b);

const sha256 = (text: string): Uint8Array => new Uint8Array(createHash('sha256').update(text).digest());
