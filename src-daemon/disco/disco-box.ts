/** Seals and opens disco datagrams: one key agreement per peer, none for strangers, a bound on what forgeries may cost. */
import { BOX_NONCE_BYTES, type BoxShared, boxShared, openBox, sealBox } from '#shared/crypto/box.ts';
import { randomBytes } from '#shared/crypto/random.ts';
import { importPrivate, type X25519Private } from '#shared/crypto/x25519.ts';
import { decodeEnvelope, encodeEnvelope } from '#shared/disco/envelope.ts';
import { type DiscoMessage, decodeMessage, encodeMessage } from '#shared/disco/message.ts';
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { type DiscoKey, discoKeyFrom, keyBytes, type PrivateKey } from '#shared/key/key.ts';
import { TokenBucket } from './limit.ts';

/** Why a datagram was not taken; names of counters. */
export type DiscoDrop = 'malformed' | 'unknown-sender' | 'rate-limited' | 'unopened' | 'unknown-message';

export type DiscoOpened =
  | { readonly ok: true; readonly sender: DiscoKey; readonly message: DiscoMessage }
  | { readonly ok: false; readonly why: DiscoDrop };

/** A failed box costs 4 µs on a small machine, so a flood in one peer's name stays at 0.2 % of a core. */
const FAILURES_PER_SECOND = 500;
const FAILURES_BURST = 500;
/** An address whose boxes open is never held back, however much others forge in that peer's name. */
const PROVEN_MS = 60_000;
const MAX_PROVEN = 16;

interface Known {
  shared: BoxShared | undefined;
  readonly failures: TokenBucket;
  /** Addresses from which boxes opened, with the time of the last one; the oldest first. */
  readonly proven: Map<string, number>;
}

export class DiscoBox {
  readonly publicKey: DiscoKey;
  readonly #own: X25519Private;
  readonly #random: (length: number) => Uint8Array;
  #known = new Map<DiscoKey, Known>();

  constructor(privateKey: PrivateKey, random: (length: number) => Uint8Array = randomBytes) {
    this.#own = importPrivate(privateKey);
    this.#random = random;
    this.publicKey = discoKeyFrom(this.#own.publicRaw);
  }

  /** The only senders whose datagrams are looked into. Keys that stay keep their shared secret. */
  setPeers(keys: Iterable<DiscoKey>): void {
    const next = new Map<DiscoKey, Known>();
    for (const key of keys) next.set(key, this.#known.get(key) ?? newcomer());
    for (const [key, known] of this.#known) if (!next.has(key)) known.shared?.fill(0);
    this.#known = next;
  }

  /** The same for a few of them. */
  changePeers(removed: Iterable<DiscoKey>, added: Iterable<DiscoKey>): void {
    for (const key of removed) {
      this.#known.get(key)?.shared?.fill(0);
      this.#known.delete(key);
    }
    for (const key of added) if (!this.#known.has(key)) this.#known.set(key, newcomer());
  }

  /** Undefined when the peer is not in the current map, or its key is no good. */
  seal(to: DiscoKey, message: DiscoMessage): Uint8Array | undefined {
    const known = this.#known.get(to);
    if (known === undefined) return undefined;
    const nonce = this.#random(BOX_NONCE_BYTES);
    const shared = this.#sharedWith(to, known);
    if (shared === undefined) return undefined;
    const box = sealBox(shared, nonce, encodeMessage(message));
    return encodeEnvelope({ sender: this.publicKey, nonce, box });
  }

  /** `from` is an address, or the name of whoever a relay vouches for. */
  open(datagram: Uint8Array, from: SockAddr | string, nowMs: number): DiscoOpened {
    const envelope = decodeEnvelope(datagram);
    if (envelope === undefined) return { ok: false, why: 'malformed' };
    // Before any key agreement: a stranger must not cost us a curve operation (nat-traversal.md §9.4-5).
    const known = this.#known.get(envelope.sender);
    if (known === undefined) return { ok: false, why: 'unknown-sender' };
    const source = typeof from === 'string' ? from : formatSockAddr(from);
    const provenAt = known.proven.get(source);
    const isProven = provenAt !== undefined && nowMs - provenAt < PROVEN_MS;
    if (!isProven && !known.failures.has(nowMs)) return { ok: false, why: 'rate-limited' };
    const shared = this.#sharedWith(envelope.sender, known);
    const payload = shared && openBox(shared, envelope.nonce, envelope.box);
    if (payload === undefined) {
      known.failures.take(nowMs);
      return { ok: false, why: 'unopened' };
    }
    prove(known, source, nowMs);
    const message = decodeMessage(payload);
    if (message === undefined) return { ok: false, why: 'unknown-message' };
    return { ok: true, sender: envelope.sender, message };
  }

  /** Undefined for a key of low order, with which nothing can be kept secret. */
  #sharedWith(key: DiscoKey, known: Known): BoxShared | undefined {
    known.shared ??= boxShared(this.#own, keyBytes(key));
    return known.shared;
  }
}

const newcomer = (): Known => ({
  shared: undefined,
  failures: new TokenBucket({ perSecond: FAILURES_PER_SECOND, burst: FAILURES_BURST }),
  proven: new Map(),
});

function prove(known: Known, source: string, nowMs: number): void {
  known.proven.delete(source);
  known.proven.set(source, nowMs);
  if (known.proven.size <= MAX_PROVEN) return;
  const oldest = known.proven.keys().next();
  if (!oldest.done) known.proven.delete(oldest.value);
}
