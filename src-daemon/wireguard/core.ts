/**
 * WireGuard's handshakes and timers for all peers of one node, without I/O: it takes messages, needs and the time, and
 * gives effects in the order in which they must be carried out. Packets under a keypair are the engine's business.
 */
import type { Random } from '#shared/async/clock.ts';
import { compare } from '#shared/bytes/bytes.ts';
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
import { COOKIE_REFRESH_MS, INITIATION_SPACING_MS, REJECT_AFTER_MS } from './constants.ts';
import type {
  CoreCounters,
  CoreEffect,
  CorePeer,
  CorePeerId,
  HandshakeStatus,
  Moment,
  Origin,
} from './core-types.ts';
import { openCookie, stampMacs } from './macs.ts';
import { decodeCookieReply, decodeInitiation, decodeResponse, MessageType, messageType } from './messages.ts';
import {
  authenticate,
  finish,
  initiate,
  openInitiation,
  type RemoteStatic,
  respond,
  type SessionKeys,
} from './noise.ts';
import { copyOfOptional, type PeerEntry, PeerTable } from './peer-table.ts';
import { encodeTai, nextTai, type Tai, taiCeilingMs } from './tai64n.ts';
import { type ActivityWords, step, type TimerEvent } from './timers.ts';
import { WatchList } from './watch-list.ts';

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
  readonly #peers: PeerTable;
  readonly #watched = new WatchList();
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
    this.#peers = new PeerTable(options.random);
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
    const leaving = [...this.#peers.all()].filter((entry) => !keep.has(entry.peer));
    const stays = leaving.length === 0 ? new Set() : new Set(peers.map(({ publicKey }) => toHex(publicKey)));
    for (const entry of leaving) this.#leave(entry, stays);
    for (const wanted of peers) this.#configure(wanted, at);
    return this.#take();
  }

  /** `removed` go, `set` come or stay with what is said of them; all others stay as they are. */
  changePeers(removed: readonly CorePeerId[], set: readonly CorePeer[], at: Moment): CoreEffect[] {
    const back = removed.length === 0 ? new Set() : new Set(set.map(({ publicKey }) => toHex(publicKey)));
    for (const id of removed) {
      const entry = this.#peers.find(id);
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
    this.#peers.gone.forgetSent();
    for (const entry of this.#peers.all()) {
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
    const old = this.#peers.find(peer);
    if (old === undefined || compare(old.publicKey, publicKey) === 0) return [];
    this.#dropPending(old);
    this.#remove(old);
    const entry = this.#peers.add({ peer, publicKey });
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
    const entry = this.#peers.find(peer);
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
    const entry = this.#peers.find(peer);
    if (entry !== undefined) this.#step(entry, { type: 'wanted', onReceive }, at);
    return this.#take();
  }

  /**
   * A path to the peer has just been proven and it was looking for us. Without a session a handshake is tried now: ours may
   * have gone nowhere, and an official peer that has no relay drops its own until it knows a path.
   */
  reached(peer: CorePeerId, at: Moment): CoreEffect[] {
    const entry = this.#peers.find(peer);
    if (entry !== undefined && stateOf(entry, at) !== 'established')
      this.#step(entry, { type: 'reached' }, at);
    return this.#take();
  }

  /** The peer's packets go another way from now on; a handshake that waits for its answer is tried there at once. */
  pathChanged(peer: CorePeerId, at: Moment): CoreEffect[] {
    const entry = this.#peers.find(peer);
    if (entry !== undefined) this.#step(entry, { type: 'path-changed' }, at);
    return this.#take();
  }

  /** The first packet under our response's keypair arrived. */
  confirmed(peer: CorePeerId, at: Moment): CoreEffect[] {
    const entry = this.#peers.find(peer);
    if (entry !== undefined) {
      entry.lastHandshakeAt = at.wallMs;
      this.#step(entry, { type: 'completed' }, at);
    }
    return this.#take();
  }

  /** Traffic began after a pause: from now on the peer's words are looked at. */
  active(peer: CorePeerId, at: Moment): void {
    const entry = this.#peers.find(peer);
    if (entry === undefined) return;
    entry.words = { ...entry.words, lastTxAny: Math.max(entry.words.lastTxAny, at.nowMs) };
    this.#watched.update(entry, at.nowMs);
  }

  /** Peers whose words `tick` needs. */
  due(at: Moment): CorePeerId[] {
    return this.#watched.due(at.nowMs);
  }

  tick(words: readonly (ActivityWords & { readonly peer: CorePeerId })[], at: Moment): CoreEffect[] {
    for (const own of words) {
      const entry = this.#peers.find(own.peer);
      if (entry === undefined) continue;
      entry.words = own;
      this.#step(entry, { type: 'tick', words: own }, at);
    }
    return this.#take();
  }

  /** Engine clock ms of the next tick; undefined when only an event can bring work. */
  wakeAt(): number | undefined {
    return this.#watched.earliest();
  }

  status(peer: CorePeerId, at: Moment): HandshakeStatus | undefined {
    const entry = this.#peers.find(peer);
    if (entry === undefined) return undefined;
    return { lastHandshakeAt: entry.lastHandshakeAt, state: stateOf(entry, at) };
  }

  #take(): CoreEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #configure(wanted: CorePeer, at: Moment): void {
    const known = this.#peers.find(wanted.peer);
    if (known !== undefined && compare(known.publicKey, wanted.publicKey) === 0) {
      known.presharedKey = copyOfOptional(wanted.presharedKey);
      this.#setPersistent(known, wanted.persistentKeepaliveMs ?? 0, at);
      return;
    }
    if (wanted.publicKey.length !== 32)
      throw new RhumbError(
        'bad-argument',
        `peer ${wanted.peer} has a public key of ${wanted.publicKey.length} bytes`,
      );
    if (known !== undefined) this.#remove(known);
    const entry = this.#peers.add(wanted);
    this.#setPersistent(entry, wanted.persistentKeepaliveMs ?? 0, at);
  }

  #setPersistent(entry: PeerEntry, ms: number, at: Moment): void {
    if (ms !== entry.timers.persistentMs) this.#step(entry, { type: 'persistent', ms }, at);
  }

  /** `back`: keys of those who come with another number. */
  #leave(entry: PeerEntry, back: ReadonlySet<unknown>): void {
    this.#remove(entry);
    if (back.has(toHex(entry.publicKey))) this.#peers.startsAnew(entry);
  }

  #remove(entry: PeerEntry): void {
    this.#watched.remove(entry);
    this.#peers.remove(entry);
  }

  #step(entry: PeerEntry, event: TimerEvent, at: Moment): void {
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
    this.#watched.update(entry, at.nowMs);
  }

  #remoteOf(entry: PeerEntry): RemoteStatic | undefined {
    if (entry.remote === undefined) {
      const key = importPublic(entry.publicKey);
      const shared = dh(this.#own, key);
      if (shared !== undefined) entry.remote = { key, shared };
    }
    return entry.remote;
  }

  #initiate(entry: PeerEntry, at: Moment): void {
    const remote = this.#remoteOf(entry);
    const localIndex = this.#peers.indices.take(at.nowMs);
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
      this.#peers.indices.free(localIndex);
    } else {
      entry.lastTai = tai;
      if (this.#highest === undefined || taiCeilingMs(tai) > taiCeilingMs(this.#highest)) this.#highest = tai;
      this.#peers.setPending(entry, made.pending);
      this.counters.initiationsSent++;
      this.#effects.push({ do: 'pending-add', peer: entry.peer, index: localIndex });
      this.#send(entry, { data: made.message, index: localIndex, answering: undefined }, at);
    }
    // A peer with a low-order key can never answer: it waits and gives up like any silent one.
    [entry.timers] = step(entry.timers, { type: 'initiated' }, at.nowMs, this.#random);
  }

  #send(
    entry: PeerEntry,
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
    const entry = this.#peers.withKey(opened.remoteStatic);
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
    const localIndex = this.#peers.indices.take(at.nowMs);
    const made = respond(authentic, remote, {
      ephemeral: importPrivate(generatePrivate()),
      localIndex,
      presharedKey: entry.presharedKey,
    });
    if (made === undefined) {
      this.#peers.indices.free(localIndex);
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
    const entry = this.#peers.withPending(message.receiver);
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
    this.#peers.endPending(entry);
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
    const entry = peer === undefined ? undefined : this.#peers.find(peer);
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
    entry: PeerEntry,
    keys: SessionKeys & { readonly role: 'initiator' | 'responder'; readonly localIndex: number },
    at: Moment,
  ): void {
    entry.keysSince = at.nowMs;
    this.#peers.indices.keepUntil(keys.localIndex, at.nowMs + REJECT_AFTER_MS);
    this.#effects.push({ do: 'install', keypair: { ...keys, peer: entry.peer, createdMs: at.nowMs } });
  }

  #dropPending(entry: PeerEntry): void {
    const index = this.#peers.dropPending(entry);
    if (index !== undefined) this.#effects.push({ do: 'pending-del', peer: entry.peer, index });
  }
}

function stateOf(entry: PeerEntry, at: Moment): HandshakeStatus['state'] {
  const hasKeys = entry.keysSince !== undefined && entry.lastHandshakeAt !== undefined;
  if (hasKeys && at.nowMs - (entry.keysSince ?? 0) < REJECT_AFTER_MS) return 'established';
  if (entry.timers.phase.kind === 'waiting') return 'handshake';
  return hasKeys ? 'expired' : 'none';
}
