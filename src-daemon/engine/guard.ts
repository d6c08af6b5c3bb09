/**
 * What stands before the handshake code: mac1, the under-load decision, cookies, mac2, the limiter (data-plane.md §1.8).
 *
 * Load is a leaky bucket of handshakes handed up, drained at the rate the handshake code is allowed to cost; that bounds
 * its share of the processor whatever arrives.
 */

import { toHex } from '#shared/bytes/hex.ts';
import { randomBytes } from '#shared/crypto/random.ts';
import { parseIp, type SockAddr } from '#shared/ip/address.ts';
import { COOKIE_REFRESH_MS } from '../wireguard/constants.ts';
import {
  cookieFor,
  hasMac1,
  hasMac2,
  type MacKeys,
  mac1Of,
  macKeysOf,
  sealCookie,
} from '../wireguard/macs.ts';
import { encodeCookieReply, readU32 } from '../wireguard/messages.ts';

/** Handshakes handed up per second at most, by default. */
const DRAIN_PER_MS = 0.5;
/** Backlog at which cookies are asked for, and at which nothing more is handed up. */
const UNDER_LOAD_BACKLOG = 32;
const MAX_BACKLOG = 256;
/** Under load stays for this long after its last cause. */
const UNDER_LOAD_MS = 1_000;

const LIMIT_PER_MS = 20 / 1_000;
const LIMIT_BURST = 5;
const LIMIT_IDLE_MS = 1_000;
const LIMIT_SOURCES = 16_384;

const XNONCE_BYTES = 24;

/** Where a handshake message came from: a UDP address, or a peer behind a relay by its public key. */
export type Source = SockAddr | { readonly publicKey: Uint8Array };

export type Verdict =
  | { readonly kind: 'pass' }
  | {
      readonly kind: 'drop';
      readonly why: 'drop.mac1' | 'drop.mac2' | 'drop.limiter' | 'drop.handshake-queue';
    }
  | { readonly kind: 'cookie'; readonly reply: Uint8Array };

const PASS: Verdict = { kind: 'pass' };

export class HandshakeGuard {
  #underLoadBacklog = UNDER_LOAD_BACKLOG;
  #limiter = new SourceLimiter();
  #keys: MacKeys | undefined;
  #secret: Uint8Array = new Uint8Array(0);
  #secretAt = Number.NEGATIVE_INFINITY;
  #backlog = 0;
  #drainedAt = 0;
  #underLoadUntil = Number.NEGATIVE_INFINITY;

  /** From another backlog on; all that is known of the load is forgotten. */
  restart(underLoadBacklog: number = UNDER_LOAD_BACKLOG): void {
    this.#underLoadBacklog = underLoadBacklog;
    this.#limiter = new SourceLimiter();
    this.#secretAt = Number.NEGATIVE_INFINITY;
    this.#backlog = 0;
    this.#underLoadUntil = Number.NEGATIVE_INFINITY;
  }

  setIdentity(publicKey: Uint8Array): void {
    this.#keys = macKeysOf(publicKey);
  }

  isUnderLoad(now: number): boolean {
    return now < this.#underLoadUntil;
  }

  /** For an initiation or a response of the right length. */
  check(message: Uint8Array, source: Source, now: number): Verdict {
    const keys = this.#keys;
    if (keys === undefined || !hasMac1(message, keys)) return { kind: 'drop', why: 'drop.mac1' };
    this.#drain(now);
    if (this.#backlog >= this.#underLoadBacklog) this.#underLoadUntil = now + UNDER_LOAD_MS;
    if (this.isUnderLoad(now)) {
      const refused = this.#checkUnderLoad(message, keys, source, now);
      if (refused !== undefined) return refused;
    }
    if (this.#backlog >= MAX_BACKLOG) return { kind: 'drop', why: 'drop.handshake-queue' };
    this.#backlog++;
    return PASS;
  }

  #checkUnderLoad(message: Uint8Array, keys: MacKeys, source: Source, now: number): Verdict | undefined {
    const identity = encodeSource(source);
    if (identity === undefined) return { kind: 'drop', why: 'drop.mac2' };
    const cookie = cookieFor(this.#cookieSecret(now), identity.cookie);
    if (!hasMac2(message, cookie)) return { kind: 'cookie', reply: cookieReply(message, keys, cookie) };
    return this.#limiter.allows(identity.limit, now) ? undefined : { kind: 'drop', why: 'drop.limiter' };
  }

  #drain(now: number): void {
    this.#backlog = Math.max(0, this.#backlog - (now - this.#drainedAt) * DRAIN_PER_MS);
    this.#drainedAt = now;
  }

  #cookieSecret(now: number): Uint8Array {
    if (now - this.#secretAt >= COOKIE_REFRESH_MS) {
      this.#secret = randomBytes(32);
      this.#secretAt = now;
    }
    return this.#secret;
  }
}

function cookieReply(message: Uint8Array, keys: MacKeys, cookie: Uint8Array): Uint8Array {
  const nonce = randomBytes(XNONCE_BYTES);
  return encodeCookieReply({
    receiver: readU32(message, 4),
    nonce,
    sealedCookie: sealCookie(keys, nonce, cookie, mac1Of(message)),
  });
}

/** The cookie is bound to address and port; the limiter counts per IPv4 address or IPv6 /64, as one host has all of it. */
function encodeSource(source: Source): { readonly cookie: Uint8Array; readonly limit: string } | undefined {
  if ('publicKey' in source) return { cookie: source.publicKey, limit: toHex(source.publicKey) };
  // A link-local address carries its zone behind a percent sign.
  const ip = parseIp(source.ip.split('%', 1)[0] as string);
  if (ip === undefined) return undefined;
  const cookie = new Uint8Array(ip.length + 2);
  cookie.set(ip);
  cookie[ip.length] = source.port >> 8;
  cookie[ip.length + 1] = source.port & 255;
  return { cookie, limit: toHex(ip.length === 4 ? ip : ip.subarray(0, 8)) };
}

/** Token bucket per source: 20 a second, 5 at once; sources unseen for a second are forgotten. */
class SourceLimiter {
  readonly #sources = new Map<string, { tokens: number; at: number }>();
  /** From when on all of them may be looked through again: not for each message of a flood. */
  #nextLook = 0;

  allows(source: string, now: number): boolean {
    const known = this.#sources.get(source);
    if (known === undefined) {
      if (this.#sources.size >= LIMIT_SOURCES && now >= this.#nextLook) this.#forget(now);
      if (this.#sources.size >= LIMIT_SOURCES) return false;
      this.#sources.set(source, { tokens: LIMIT_BURST - 1, at: now });
      return true;
    }
    known.tokens = Math.min(LIMIT_BURST, known.tokens + (now - known.at) * LIMIT_PER_MS);
    known.at = now;
    if (known.tokens < 1) return false;
    known.tokens--;
    return true;
  }

  #forget(now: number): void {
    this.#nextLook = now + LIMIT_IDLE_MS;
    for (const [source, { at }] of this.#sources) if (now - at >= LIMIT_IDLE_MS) this.#sources.delete(source);
  }
}
