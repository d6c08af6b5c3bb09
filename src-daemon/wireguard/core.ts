/**
 * WireGuard's handshakes and timers for all peers of one node, without I/O: it takes messages, needs and the time, and
 * gives effects in the order in which they must be carried out. Packets under a keypair are the engine's business.
 */
import type { Random } from '#shared/async/clock.ts';
import { compare, copyOf } from '#shared/bytes/bytes.ts';
import { toHex } from '#shared/bytes/hex.ts';
import {
  dh,
  generatePrivate,
  importPrivate,
  importPublic,
  type X25519Private,
} from '#shared/crypto/x25519.ts';
import { RhumbError } from '#shared/errors.ts';
import type { PrivateKey } from '#shared/key/key.ts';
import {
  COOKIE_REFRESH_MS,
  INITIATION_SPACING_MS,
  KEEPALIVE_TIMEOUT_MS,
  REJECT_AFTER_MS,
} from './constants.ts';
import type {
  CoreCounters,
  CoreEffect,
  CorePeer,
  CorePeerId,
  HandshakeStatus,
  Moment,
  Origin,
} from './core-types.ts';
import { GonePeers } from './gone-peers.ts';
import { IndexPool } from './index-pool.ts';
import { type MacKeys, macKeysOf, openCookie, stampMacs } from './macs.ts';
import { decodeCookieReply, decodeInitiation, decodeResponse, MessageType, messageType } from './messages.ts';
import {
  authenticate,
  finish,
  initiate,
  openInitiation,
  type PendingInitiation,
  type RemoteStatic,
  respond,
  type SessionKeys,
  wipePending,
} from './noise.ts';
import { encodeTai, nextTai, type Tai, taiCeilingMs } from './tai64n.ts';
import {
  type ActivityWords,
  deadline,
  NO_ACTIVITY,
  newTimers,
  step,
  type TimerEvent,
  type Timers,
} from './timers.ts';

/** A peer counts as active for this long after its last packet (data-plane.md §1.10). */
const ACTIVE_MS = 45_000;

interface Entry {
  readonly peer: CorePeerId;
  readonly publicKey: Uint8Array;
  readonly macKeys: MacKeys;
  presharedKey: Uint8Array | undefined;
  /** Made on first use; undefined again when our own key changes. */
  remote: RemoteStatic | undefined;
  pending: PendingInitiation | undefined;
  lastTai: Tai | undefined;
  greatestTimestamp: Uint8Array | undefined;
  lastAcceptedAt: number | undefined;
  /** The last message we sent, which a cookie reply may answer once. */
  lastSent: { readonly index: number; readonly mac1: Uint8Array } | undefined;
  cookie: { readonly value: Uint8Array; readonly at: number } | undefined;
  timers: Timers;
  words: ActivityWords;
  dueAt: number | undefined;
  keysSince: number | undefined;
  lastHandshakeAt: number | undefined;
}

export class WireGuardCore {
  readonly counters: CoreCounters = {
    initiationsSent: 0,
    initiationsAccepted: 0,
    responsesAccepted: 0,
    cookiesAccepted: 0,
    dropMalformed: 0,
    dropNotAuthentic: 0,
    dropUnknownPeer: 0,
    dropReplayed: 0,
    dropFlood: 0,
    dropNotPending: 0,
    dropCookie: 0,
  };
  readonly #random: Random;
  readonly #peers = new Map<CorePeerId, Entry>();
  readonly #byKey = new Map<string, Entry>();
  /** Index of each message we sent that may still be answered. */
  readonly #pending = new Map<number, Entry>();
  readonly #indices = new IndexPool();
  readonly #watched = new Set<Entry>();
  readonly #gone = new GonePeers();
  #own: X25519Private;
  /** Latest timestamp of earlier runs, and the latest of all. */
  #floor: Tai | undefined;
  #highest: Tai | undefined;
  #effects: CoreEffect[] = [];

  constructor(options: {
    readonly privateKey: PrivateKey;
    readonly random: Random;
    /** Wall clock ms that timestamps must pass: the last `timestampCeilingMs` of this key (data-plane.md §1.3). */
    readonly timestampFloorMs?: number | undefined;
  }) {
    this.#own = importPrivate(options.privateKey);
    this.#random = options.random;
    const floor = options.timestampFloorMs;
    this.#floor = floor === undefined ? undefined : nextTai(undefined, floor);
    this.#highest = this.#floor;
  }

  get publicKey(): Uint8Array {
    return this.#own.publicRaw;
  }

  /** To be kept across restarts; undefined before the first initiation. */
  get timestampCeilingMs(): number | undefined {
    return this.#highest === undefined ? undefined : taiCeilingMs(this.#highest);
  }

  /** The whole list: what is missing goes, what is new comes, what is the same keeps its sessions. */
  setPeers(peers: readonly CorePeer[], at: Moment): CoreEffect[] {
    const keep = new Set(peers.map((wanted) => wanted.peer));
    const leaving = [...this.#peers.values()].filter((entry) => !keep.has(entry.peer));
    const stays = leaving.length === 0 ? new Set() : new Set(peers.map(({ publicKey }) => toHex(publicKey)));
    for (const entry of leaving) this.#leave(entry, stays);
    for (const wanted of peers) this.#configure(wanted, at);
    return this.#take();
  }

  /** `removed` go, `set` come or stay with what is said of them; all others stay as they are. */
  changePeers(removed: readonly CorePeerId[], set: readonly CorePeer[], at: Moment): CoreEffect[] {
    const back = removed.length === 0 ? new Set() : new Set(set.map(({ publicKey }) => toHex(publicKey)));
    for (const id of removed) {
      const entry = this.#peers.get(id);
      if (entry !== undefined) this.#leave(entry, back);
    }
    for (const wanted of set) this.#configure(wanted, at);
    return this.#take();
  }

  /** Another private key: nothing can be sent under the old one any more (data-plane.md §1.5, last row). */
  setPrivateKey(privateKey: PrivateKey, at: Moment): CoreEffect[] {
    const own = importPrivate(privateKey);
    if (compare(own.publicRaw, this.#own.publicRaw) === 0) return [];
    this.#own = own;
    this.#floor = undefined;
    this.#gone.forgetSent();
    for (const entry of this.#peers.values()) {
      entry.remote = undefined;
      this.#dropPending(entry);
      entry.lastTai = undefined;
      entry.lastSent = undefined;
      entry.cookie = undefined;
      if (entry.keysSince !== undefined) this.#effects.push({ do: 'expire-send', peer: entry.peer });
      this.#step(entry, { type: 'identity-changed' }, at);
      // Who spoke with us goes on speaking: it must learn the new key before its next packet is due.
      if (entry.keysSince !== undefined) this.#step(entry, { type: 'wanted', onReceive: false }, at);
    }
    return this.#take();
  }

  /** The peer has another key: sessions under the old one go on until a handshake, begun at once, has taken their place. */
  renew(peer: CorePeerId, publicKey: Uint8Array, at: Moment): CoreEffect[] {
    const old = this.#peers.get(peer);
    if (old === undefined || compare(old.publicKey, publicKey) === 0) return [];
    this.#dropPending(old);
    this.#remove(old);
    const entry = this.#newEntry({ peer, publicKey });
    entry.timers = old.timers;
    entry.words = old.words;
    entry.keysSince = old.keysSince;
    entry.lastHandshakeAt = old.lastHandshakeAt;
    this.#step(entry, { type: 'identity-changed' }, at);
    if (entry.keysSince !== undefined) this.#step(entry, { type: 'wanted', onReceive: false }, at);
    return this.#take();
  }

  /** Whatever session with the peer began before that moment is over. */
  endOlder(peer: CorePeerId, createdBeforeMs: number): CoreEffect[] {
    const entry = this.#peers.get(peer);
    if (entry === undefined) return [];
    if (entry.keysSince !== undefined && entry.keysSince < createdBeforeMs) entry.keysSince = undefined;
    this.#effects.push({ do: 'erase-older', peer, createdBeforeMs });
    return this.#take();
  }

  /**
   * A message of type 1 to 3 that passed the engine's mac1 and flood checks. `from` is undefined over a relay; `peer` is
   * whose index a response or cookie reply names.
   */
  receive(
    data: Uint8Array,
    source: { readonly from: Origin | undefined; readonly peer: CorePeerId | undefined },
    at: Moment,
  ): CoreEffect[] {
    const { from } = source;
    switch (messageType(data)) {
      case MessageType.Initiation:
        this.#onInitiation(data, from, at);
        break;
      case MessageType.Response:
        this.#onResponse(data, from, at);
        break;
      case MessageType.CookieReply:
        this.#onCookieReply(data, source.peer, at);
        break;
      default:
        this.counters.dropMalformed++;
    }
    return this.#take();
  }

  /** The engine wants a handshake; `onReceive` for the renewal at 165 s. */
  need(peer: CorePeerId, onReceive: boolean, at: Moment): CoreEffect[] {
    const entry = this.#peers.get(peer);
    if (entry !== undefined) this.#step(entry, { type: 'wanted', onReceive }, at);
    return this.#take();
  }

  /**
   * A path to the peer has just been proven and it was looking for us. Without a session a handshake is tried now: ours may
   * have gone nowhere, and an official peer that has no relay drops its own until it knows a path.
   */
  reached(peer: CorePeerId, at: Moment): CoreEffect[] {
    const entry = this.#peers.get(peer);
    if (entry !== undefined && stateOf(entry, at) !== 'established')
      this.#step(entry, { type: 'reached' }, at);
    return this.#take();
  }

  /** The peer's packets go another way from now on; a handshake that waits for its answer is tried there at once. */
  pathChanged(peer: CorePeerId, at: Moment): CoreEffect[] {
    const entry = this.#peers.get(peer);
    if (entry !== undefined) this.#step(entry, { type: 'path-changed' }, at);
    return this.#take();
  }

  /** The first packet under our response's keypair arrived. */
  confirmed(peer: CorePeerId, at: Moment): CoreEffect[] {
    const entry = this.#peers.get(peer);
    if (entry !== undefined) {
      entry.lastHandshakeAt = at.wallMs;
      this.#step(entry, { type: 'completed' }, at);
    }
    return this.#take();
  }

  /** Traffic began after a pause: from now on the peer's words are looked at. */
  active(peer: CorePeerId, at: Moment): void {
    const entry = this.#peers.get(peer);
    if (entry === undefined) return;
    entry.words = { ...entry.words, lastTxAny: Math.max(entry.words.lastTxAny, at.nowMs) };
    this.#watch(entry, at);
  }

  /** Peers whose words `tick` needs. */
  due(at: Moment): CorePeerId[] {
    const due: CorePeerId[] = [];
    for (const entry of this.#watched)
      if (entry.dueAt !== undefined && entry.dueAt <= at.nowMs) due.push(entry.peer);
    return due;
  }

  tick(words: readonly (ActivityWords & { readonly peer: CorePeerId })[], at: Moment): CoreEffect[] {
    for (const own of words) {
      const entry = this.#peers.get(own.peer);
      if (entry === undefined) continue;
      entry.words = own;
      this.#step(entry, { type: 'tick', words: own }, at);
    }
    return this.#take();
  }

  /** Engine clock ms of the next tick; undefined when only an event can bring work. */
  wakeAt(): number | undefined {
    let earliest: number | undefined;
    for (const entry of this.#watched)
      if (entry.dueAt !== undefined && (earliest === undefined || entry.dueAt < earliest))
        earliest = entry.dueAt;
    return earliest;
  }

  status(peer: CorePeerId, at: Moment): HandshakeStatus | undefined {
    const entry = this.#peers.get(peer);
    if (entry === undefined) return undefined;
    return { lastHandshakeAt: entry.lastHandshakeAt, state: stateOf(entry, at) };
  }

  #take(): CoreEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #configure(wanted: CorePeer, at: Moment): void {
    const known = this.#peers.get(wanted.peer);
    if (known !== undefined && compare(known.publicKey, wanted.publicKey) === 0) {
      known.presharedKey = copyOfOptional(wanted.presharedKey);
      this.#setPersistent(known, wanted.persistentKeepaliveMs ?? 0, at);
      return;
    }
    if (known !== undefined) this.#remove(known);
    if (wanted.publicKey.length !== 32)
      throw new RhumbError(
        'bad-argument',
        `peer ${wanted.peer} has a public key of ${wanted.publicKey.length} bytes`,
      );
    const entry = this.#newEntry(wanted);
    this.#setPersistent(entry, wanted.persistentKeepaliveMs ?? 0, at);
  }

  #newEntry(wanted: CorePeer): Entry {
    const key = toHex(wanted.publicKey);
    const before = this.#gone.take(key);
    const entry: Entry = {
      peer: wanted.peer,
      publicKey: copyOf(wanted.publicKey),
      macKeys: macKeysOf(wanted.publicKey),
      presharedKey: copyOfOptional(wanted.presharedKey),
      remote: undefined,
      pending: undefined,
      lastTai: before?.lastTai,
      greatestTimestamp: before?.greatestTimestamp,
      lastAcceptedAt: undefined,
      lastSent: undefined,
      cookie: undefined,
      timers: newTimers(this.#random),
      words: NO_ACTIVITY,
      dueAt: undefined,
      keysSince: undefined,
      lastHandshakeAt: undefined,
    };
    this.#peers.set(entry.peer, entry);
    this.#byKey.set(key, entry);
    return entry;
  }

  #setPersistent(entry: Entry, ms: number, at: Moment): void {
    if (ms !== entry.timers.persistentMs) this.#step(entry, { type: 'persistent', ms }, at);
  }

  /** `back`: keys of those who come with another number. */
  #leave(entry: Entry, back: ReadonlySet<unknown>): void {
    this.#remove(entry);
    const key = toHex(entry.publicKey);
    // Another number for the same key: the peer has started anew, and its clock may have been set back meanwhile.
    if (back.has(key)) this.#gone.add(key, { lastTai: entry.lastTai, greatestTimestamp: undefined });
  }

  #remove(entry: Entry): void {
    this.#peers.delete(entry.peer);
    const key = toHex(entry.publicKey);
    if (this.#byKey.get(key) === entry) this.#byKey.delete(key);
    this.#watched.delete(entry);
    if (entry.pending !== undefined) {
      this.#pending.delete(entry.pending.localIndex);
      this.#indices.free(entry.pending.localIndex);
      wipePending(entry.pending);
    }
    entry.presharedKey?.fill(0);
    entry.remote?.shared.fill(0);
    this.#gone.add(key, { lastTai: entry.lastTai, greatestTimestamp: entry.greatestTimestamp });
  }

  #step(entry: Entry, event: TimerEvent, at: Moment): void {
    const [timers, effects] = step(entry.timers, event, at.nowMs, this.#random);
    entry.timers = timers;
    for (const effect of effects) {
      switch (effect) {
        case 'initiate':
          this.#initiate(entry, at);
          break;
        case 'give-up':
          this.#effects.push({ do: 'drop-staged', peer: entry.peer });
          break;
        case 'keepalive':
          this.#effects.push({ do: 'keepalive', peer: entry.peer });
          break;
        case 'erase':
          this.#dropPending(entry);
          entry.keysSince = undefined;
          this.#effects.push({ do: 'erase', peer: entry.peer });
          break;
        default:
          effect satisfies never;
      }
    }
    this.#watch(entry, at);
  }

  /**
   * A peer is watched while it has a deadline. While it is active its words may change without telling us, and the
   * nearest deadline that such a change can bring is a keepalive, so it is looked at every ten seconds.
   */
  #watch(entry: Entry, at: Moment): void {
    const { lastTxAny, lastRxAny } = entry.words;
    const last = Math.max(lastTxAny, lastRxAny);
    const own = deadline(entry.timers, entry.words);
    const look = last > 0 && at.nowMs - last < ACTIVE_MS ? at.nowMs + KEEPALIVE_TIMEOUT_MS : undefined;
    entry.dueAt = own === undefined ? look : look === undefined ? own : Math.min(own, look);
    if (entry.dueAt === undefined) this.#watched.delete(entry);
    else this.#watched.add(entry);
  }

  #remoteOf(entry: Entry): RemoteStatic | undefined {
    if (entry.remote === undefined) {
      const key = importPublic(entry.publicKey);
      const shared = dh(this.#own, key);
      if (shared !== undefined) entry.remote = { key, shared };
    }
    return entry.remote;
  }

  #initiate(entry: Entry, at: Moment): void {
    const remote = this.#remoteOf(entry);
    const localIndex = this.#indices.take(at.nowMs);
    const tai = nextTai(entry.lastTai ?? this.#floor, at.wallMs);
    const made =
      remote === undefined
        ? undefined
        : initiate(this.#own, remote, {
            ephemeral: importPrivate(generatePrivate()),
            localIndex,
            timestamp: encodeTai(tai),
          });
    this.#dropPending(entry);
    if (made === undefined) {
      this.#indices.free(localIndex);
    } else {
      entry.lastTai = tai;
      if (this.#highest === undefined || taiCeilingMs(tai) > taiCeilingMs(this.#highest)) this.#highest = tai;
      entry.pending = made.pending;
      this.#pending.set(localIndex, entry);
      this.counters.initiationsSent++;
      this.#effects.push({ do: 'pending-add', peer: entry.peer, index: localIndex });
      this.#send(entry, { data: made.message, index: localIndex, answering: undefined }, at);
    }
    // A peer with a low-order key can never answer: it waits and gives up like any silent one.
    [entry.timers] = step(entry.timers, { type: 'initiated' }, at.nowMs, this.#random);
  }

  #send(
    entry: Entry,
    message: { readonly data: Uint8Array; readonly index: number; readonly answering: Origin | undefined },
    at: Moment,
  ): void {
    const fresh = entry.cookie !== undefined && at.nowMs - entry.cookie.at < COOKIE_REFRESH_MS;
    const mac1 = stampMacs(message.data, entry.macKeys, fresh ? entry.cookie?.value : undefined);
    entry.lastSent = { index: message.index, mac1 };
    this.#effects.push({
      do: 'send',
      peer: entry.peer,
      data: message.data,
      answering: message.answering,
    });
  }

  #onInitiation(data: Uint8Array, from: Origin | undefined, at: Moment): void {
    const message = decodeInitiation(data);
    if (message === undefined) {
      this.counters.dropMalformed++;
      return;
    }
    const opened = openInitiation(this.#own, message);
    if (opened === undefined) {
      this.counters.dropNotAuthentic++;
      return;
    }
    const entry = this.#byKey.get(toHex(opened.remoteStatic));
    if (entry === undefined) {
      this.counters.dropUnknownPeer++;
      return;
    }
    const remote = this.#remoteOf(entry);
    const authentic = remote === undefined ? undefined : authenticate(opened, remote);
    if (remote === undefined || authentic === undefined) {
      this.counters.dropNotAuthentic++;
      return;
    }
    if (entry.greatestTimestamp !== undefined && compare(authentic.timestamp, entry.greatestTimestamp) <= 0) {
      this.counters.dropReplayed++;
      return;
    }
    if (entry.lastAcceptedAt !== undefined && at.nowMs - entry.lastAcceptedAt < INITIATION_SPACING_MS) {
      this.counters.dropFlood++;
      return;
    }
    const localIndex = this.#indices.take(at.nowMs);
    const made = respond(authentic, remote, {
      ephemeral: importPrivate(generatePrivate()),
      localIndex,
      presharedKey: entry.presharedKey,
    });
    if (made === undefined) {
      this.#indices.free(localIndex);
      this.counters.dropNotAuthentic++;
      return;
    }
    entry.greatestTimestamp = authentic.timestamp;
    entry.lastAcceptedAt = at.nowMs;
    this.counters.initiationsAccepted++;
    if (from !== undefined) this.#effects.push({ do: 'heard', peer: entry.peer, from });
    // Installed before it is sent: the first packet under it may follow at once.
    this.#install(entry, { ...made.keys, role: 'responder', localIndex }, at);
    this.#send(entry, { data: made.message, index: localIndex, answering: from }, at);
    this.#step(entry, { type: 'responded' }, at);
  }

  #onResponse(data: Uint8Array, from: Origin | undefined, at: Moment): void {
    const message = decodeResponse(data);
    if (message === undefined) {
      this.counters.dropMalformed++;
      return;
    }
    const entry = this.#pending.get(message.receiver);
    const pending = entry?.pending;
    if (entry === undefined || pending === undefined) {
      this.counters.dropNotPending++;
      return;
    }
    const keys = finish(this.#own, pending, message, entry.presharedKey);
    if (keys === undefined) {
      this.counters.dropNotAuthentic++;
      return;
    }
    this.#pending.delete(pending.localIndex);
    wipePending(pending);
    entry.pending = undefined;
    entry.lastHandshakeAt = at.wallMs;
    this.counters.responsesAccepted++;
    if (from !== undefined) this.#effects.push({ do: 'heard', peer: entry.peer, from });
    this.#install(entry, { ...keys, role: 'initiator', localIndex: pending.localIndex }, at);
    this.#step(entry, { type: 'completed' }, at);
  }

  /** Not an authenticated packet: it starts nothing and moves nothing; the next repetition carries the cookie. */
  #onCookieReply(data: Uint8Array, peer: CorePeerId | undefined, at: Moment): void {
    const reply = decodeCookieReply(data);
    if (reply === undefined) {
      this.counters.dropMalformed++;
      return;
    }
    const entry = peer === undefined ? undefined : this.#peers.get(peer);
    const sent = entry?.lastSent;
    const value =
      entry === undefined || sent === undefined || sent.index !== reply.receiver
        ? undefined
        : openCookie(entry.macKeys, reply, sent.mac1);
    if (entry === undefined || value === undefined) {
      this.counters.dropCookie++;
      return;
    }
    entry.cookie = { value, at: at.nowMs };
    entry.lastSent = undefined;
    this.counters.cookiesAccepted++;
  }

  #install(
    entry: Entry,
    keys: SessionKeys & { readonly role: 'initiator' | 'responder'; readonly localIndex: number },
    at: Moment,
  ): void {
    entry.keysSince = at.nowMs;
    this.#indices.keepUntil(keys.localIndex, at.nowMs + REJECT_AFTER_MS);
    this.#effects.push({ do: 'install', keypair: { ...keys, peer: entry.peer, createdMs: at.nowMs } });
  }

  #dropPending(entry: Entry): void {
    if (entry.pending === undefined) return;
    const index = entry.pending.localIndex;
    this.#pending.delete(index);
    this.#indices.free(index);
    wipePending(entry.pending);
    entry.pending = undefined;
    this.#effects.push({ do: 'pending-del', peer: entry.peer, index });
  }
}

function stateOf(entry: Entry, at: Moment): HandshakeStatus['state'] {
  const hasKeys = entry.keysSince !== undefined && entry.lastHandshakeAt !== undefined;
  if (hasKeys && at.nowMs - (entry.keysSince ?? 0) < REJECT_AFTER_MS) return 'established';
  if (entry.timers.phase.kind === 'waiting') return 'handshake';
  return hasKeys ? 'expired' : 'none';
}

const copyOfOptional = (bytes: Uint8Array | undefined): Uint8Array | undefined =>
  bytes === undefined ? undefined : copyOf(bytes);
