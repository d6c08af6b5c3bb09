/**
 * Joins a PacketEngine with the WireGuard core: carries records, activity words and the time to the core, and its effects
 * to the engine. It decides nothing itself.
 */
import type { Clock, Random } from '#shared/async/clock.ts';
import { copyOf, equal } from '#shared/bytes/bytes.ts';
import { toHex } from '#shared/bytes/hex.ts';
import { RhumbError } from '#shared/errors.ts';
import { nodeKeyFrom, type PrivateKey, shortKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { WireGuardCore } from '../wireguard/core.ts';
import type { CoreEffect, HandshakeStatus, Moment, Origin } from '../wireguard/core-types.ts';
import { Episodes } from './episodes.ts';
import type { EngineOp, EngineRecord, EngineStats, PacketEngine, PeerId, Route } from './types.ts';

export interface TunnelPeer {
  readonly peer: PeerId;
  readonly publicKey: Uint8Array;
  readonly presharedKey?: Uint8Array | undefined;
  /** `ip/bits`; a prefix belongs to the last peer that lists it. */
  readonly allowedIps: readonly string[];
  readonly persistentKeepaliveMs?: number | undefined;
  readonly wireguardOnly?: boolean | undefined;
  readonly jailed?: boolean | undefined;
}

export interface TunnelOptions {
  readonly engine: PacketEngine;
  readonly privateKey: PrivateKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Every record that is not a matter of handshakes; also `peer-active`. Borrowed for the call. */
  readonly onRecord: (record: EngineRecord) => void;
  /** Called when a handshake with this peer has just been completed, the first or a later one. */
  readonly onEstablished?: ((peer: PeerId) => void) | undefined;
  /** What `onTimestamp` was told last in an earlier run with this private key. */
  readonly timestampFloorMs?: number | undefined;
  /** Told before a handshake leaves that names a later time (wall clock ms) than all before; to be kept over restarts. */
  readonly onTimestamp?: ((ceilingMs: number) => void) | undefined;
}

/** Two attempts at a handshake under a new key, and a server that tells one side later than the other. */
const OLD_KEY_MS = 10_000;
/** Ticks are at least this far apart, so that a thousand peers share them. */
const MIN_TICK_MS = 20;

export class Tunnel implements AsyncDisposable {
  readonly #engine: PacketEngine;
  readonly #core: WireGuardCore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onRecord: (record: EngineRecord) => void;
  readonly #onEstablished: ((peer: PeerId) => void) | undefined;
  readonly #onTimestamp: ((ceilingMs: number) => void) | undefined;
  #toldCeilingMs: number | undefined;
  #peers = new Map<PeerId, TunnelPeer>();
  #cancelTick: (() => void) | undefined;
  #tickAt = Number.POSITIVE_INFINITY;
  #lastTickAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  /** The list of peers is in force as it was given; preshared keys are not kept to be compared. */
  #mayRepeat = false;
  readonly #failures = new Episodes();

  constructor(options: TunnelOptions) {
    this.#engine = options.engine;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#onRecord = options.onRecord;
    this.#onEstablished = options.onEstablished;
    this.#onTimestamp = options.onTimestamp;
    this.#core = new WireGuardCore(options);
    this.#engine.apply([{ op: 'set-identity', publicKey: this.#core.publicKey }]);
    this.#engine.onRecords((batch) => {
      for (const record of batch) this.#record(record);
      this.#plan();
    });
  }

  get publicKey(): Uint8Array {
    return this.#core.publicKey;
  }

  /** The whole list; what did not change keeps its sessions. */
  setPeers(peers: readonly TunnelPeer[]): void {
    if (this.#isClosed || this.#isInForce(peers)) return;
    const wanted = index(peers);
    const ops: EngineOp[] = [];
    for (const [id, old] of this.#peers) {
      const now = wanted.get(id);
      if (now === undefined || !isSamePeer(old, now)) ops.push({ op: 'peer-del', peer: id });
    }
    for (const [id, now] of wanted) {
      const old = this.#peers.get(id);
      if (old === undefined || !isSamePeer(old, now)) ops.push(addPeer(now));
    }
    // Deleting a peer leaves its routes pointing nowhere, so the table follows in the same batch.
    ops.push({ op: 'routes-set', routes: routesOf(peers) });
    this.#engine.apply(ops);
    const kept = [...wanted.values()].filter((now) => {
      const old = this.#peers.get(now.peer);
      return old === undefined || isSamePeer(old, now);
    });
    this.#peers = wanted;
    // The core keeps sessions by key alone; one whose engine peer was made anew must forget its own too.
    if (kept.length < wanted.size) this.#carryOut(this.#core.setPeers(kept, this.#moment()));
    this.#carryOut(this.#core.setPeers(peers, this.#moment()));
    this.#mayRepeat = peers.every(({ presharedKey }) => presharedKey === undefined);
    this.#plan();
  }

  /**
   * What `setPeers` would do with the whole list, for what a small change of it costs. Keys and prefixes must be as unique
   * as there: a prefix is whose it was given last.
   */
  changePeers(removed: readonly PeerId[], set: readonly TunnelPeer[]): void {
    if (this.#isClosed || removed.length + set.length === 0) return;
    const { ops, anew } = changeOps(this.#peers, removed, set);
    if (ops.length > 0) this.#engine.apply(ops);
    for (const id of removed) this.#peers.delete(id);
    for (const now of set)
      this.#peers.set(now.peer, { ...now, publicKey: copyOf(now.publicKey), presharedKey: undefined });
    // The core keeps sessions by key alone; one whose engine peer was made anew must forget its own too.
    if (anew.length > 0) this.#carryOut(this.#core.changePeers(anew, [], this.#moment()));
    this.#carryOut(this.#core.changePeers(removed, set, this.#moment()));
    this.#mayRepeat &&= set.every(({ presharedKey }) => presharedKey === undefined);
    this.#plan();
  }

  /** Most network maps tell of nothing that matters here, and a thousand routes are dear to read. */
  #isInForce(peers: readonly TunnelPeer[]): boolean {
    if (!this.#mayRepeat || peers.length !== this.#peers.size) return false;
    let i = 0;
    for (const [id, old] of this.#peers) {
      const now = peers[i++];
      if (now === undefined || now.peer !== id || now.presharedKey !== undefined || !isSamePeer(old, now))
        return false;
      if (!isSameList(old.allowedIps, now.allowedIps)) return false;
    }
    return true;
  }

  setPrivateKey(privateKey: PrivateKey): void {
    if (this.#isClosed) return;
    const before = this.#core.publicKey;
    const effects = this.#core.setPrivateKey(privateKey, this.#moment());
    if (!equal(before, this.#core.publicKey)) this.#mayRepeat = false;
    this.#engine.apply([{ op: 'set-identity', publicKey: this.#core.publicKey }]);
    this.#carryOut(effects);
    this.#plan();
  }

  /**
   * The peer goes on under another key: what is under way with the sessions of the old one arrives, on both sides, until a
   * handshake under the new one has taken their place. It is begun at once. A key is also renewed because someone else has
   * the old one, so that soon nothing under it is taken or sent any more, whatever became of the handshake.
   */
  renewPeer(peer: PeerId, publicKey: Uint8Array): void {
    const old = this.#peers.get(peer);
    if (this.#isClosed || old === undefined) return;
    this.#peers.set(peer, { ...old, publicKey: copyOf(publicKey) });
    const now = this.#moment();
    this.#carryOut(this.#core.renew(peer, publicKey, now));
    this.#plan();
    this.#clock.after(OLD_KEY_MS, () => {
      if (!this.#isClosed && this.#peers.has(peer)) this.#carryOut(this.#core.endOlder(peer, now.nowMs));
    });
  }

  peerStatus(peer: PeerId): HandshakeStatus | undefined {
    return this.#core.status(peer, this.#moment());
  }

  /** The peer was looking for us and a path to it is proven: a handshake that is stuck or missing is tried at once. */
  reached(peer: PeerId): void {
    if (this.#isClosed) return;
    this.#carryOut(this.#core.reached(peer, this.#moment()));
    this.#plan();
  }

  /** Packets to the peer go another way from now on: a handshake without an answer is tried there at once. */
  pathChanged(peer: PeerId): void {
    if (this.#isClosed) return;
    this.#carryOut(this.#core.pathChanged(peer, this.#moment()));
    this.#plan();
  }

  /** The engine's counters and those of the handshakes. */
  stats(): EngineStats {
    const stats: Record<string, bigint> = { ...this.#engine.stats() };
    for (const [name, value] of Object.entries(this.#core.counters)) stats[statName(name)] = BigInt(value);
    return stats;
  }

  /** Ends timers and handling; the engine stays its owner's. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelTick?.();
    this.#cancelTick = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #moment(): Moment {
    return { nowMs: this.#engine.nowMs(), wallMs: this.#clock.now() };
  }

  #record(record: EngineRecord): void {
    if (this.#isClosed) return;
    switch (record.type) {
      case 'handshake':
        this.#carryOut(this.#core.receive(record.data, sourceOf(record), this.#moment()));
        return;
      case 'need-handshake':
        this.#carryOut(this.#core.need(record.peer, record.reason === 'age-165', this.#moment()));
        return;
      case 'key-confirmed':
        this.#carryOut(this.#core.confirmed(record.peer, this.#moment()));
        this.#onEstablished?.(record.peer);
        return;
      case 'peer-active':
        this.#core.active(record.peer, this.#moment());
        this.#onRecord(record);
        return;
      case 'path-error':
      case 'tun-error':
        this.#tellFailure(record);
        this.#onRecord(record);
        return;
      default:
        this.#onRecord(record);
    }
  }

  /** Packets are counted by the engine; that there are such is said once. */
  #tellFailure(record: Extract<EngineRecord, { readonly type: 'path-error' | 'tun-error' }>): void {
    const { type, code } = record;
    if (type === 'tun-error') {
      if (this.#failures.begins(code, this.#engine.nowMs())) this.#log('warn', 'tun.write-failed', { code });
      return;
    }
    // Addresses that are only tried may well be out of reach.
    const peer = record.peer === undefined ? undefined : this.#peers.get(record.peer);
    if (peer === undefined || !this.#failures.begins(`${code} ${peer.peer}`, this.#engine.nowMs())) return;
    this.#log('warn', 'path.send-failed', { peer: shortKey(nodeKeyFrom(peer.publicKey)), code });
  }

  #carryOut(effects: readonly CoreEffect[]): void {
    this.#tellTimestamp();
    for (const effect of effects) {
      switch (effect.do) {
        case 'send':
          this.#engine.inject([
            {
              kind: 'peer-datagram',
              peer: effect.peer,
              data: effect.data,
              answering: effect.answering,
              answeringVia: effect.answering?.via,
            },
          ]);
          break;
        case 'heard':
          this.#engine.apply([
            { op: 'peer-heard', peer: effect.peer, from: effect.from, via: effect.from.via },
          ]);
          break;
        case 'install':
          this.#engine.apply([{ op: 'install-keypair', keypair: effect.keypair }]);
          this.#log('debug', 'handshake.keys', { peer: effect.keypair.peer, role: effect.keypair.role });
          effect.keypair.sendKey.fill(0);
          effect.keypair.receiveKey.fill(0);
          // The responder's keys count only when the first packet under them has come.
          if (effect.keypair.role === 'initiator') this.#onEstablished?.(effect.keypair.peer);
          break;
        case 'pending-add':
        case 'pending-del':
          this.#engine.apply([{ op: effect.do, index: effect.index, peer: effect.peer }]);
          break;
        case 'keepalive':
          this.#engine.apply([{ op: 'send-keepalive', peer: effect.peer }]);
          break;
        case 'erase':
          this.#engine.apply([{ op: 'erase-keys', peer: effect.peer }]);
          break;
        case 'erase-older':
          this.#engine.apply([
            { op: 'erase-older-keys', peer: effect.peer, createdBeforeMs: effect.createdBeforeMs },
          ]);
          break;
        case 'drop-staged':
          this.#log('debug', 'handshake.gave-up', { peer: effect.peer });
          this.#engine.apply([{ op: 'drop-staged', peer: effect.peer }]);
          break;
        case 'expire-send':
          this.#engine.apply([{ op: effect.do, peer: effect.peer }]);
          break;
        default:
          effect satisfies never;
      }
    }
  }

  #tellTimestamp(): void {
    const ceilingMs = this.#core.timestampCeilingMs;
    if (ceilingMs === undefined || ceilingMs === this.#toldCeilingMs) return;
    this.#toldCeilingMs = ceilingMs;
    this.#onTimestamp?.(ceilingMs);
  }

  #plan(): void {
    if (this.#isClosed) return;
    const wakeAt = this.#core.wakeAt();
    if (wakeAt === undefined) {
      this.#cancelTick?.();
      this.#cancelTick = undefined;
      this.#tickAt = Number.POSITIVE_INFINITY;
      return;
    }
    const at = Math.max(wakeAt, this.#lastTickAt + MIN_TICK_MS);
    if (this.#cancelTick !== undefined && this.#tickAt === at) return;
    this.#cancelTick?.();
    this.#tickAt = at;
    this.#cancelTick = this.#clock.after(Math.max(0, Math.ceil(at - this.#engine.nowMs())), () =>
      this.#tick(),
    );
  }

  #tick(): void {
    this.#cancelTick = undefined;
    const moment = this.#moment();
    this.#lastTickAt = moment.nowMs;
    const due = this.#core.due(moment);
    if (due.length > 0) this.#carryOut(this.#core.tick(this.#engine.peers(due), moment));
    this.#plan();
  }
}

/** What the engine is told of a change, and the peers that it makes anew under their old number. */
function changeOps(
  known: ReadonlyMap<PeerId, TunnelPeer>,
  removed: readonly PeerId[],
  set: readonly TunnelPeer[],
): { readonly ops: readonly EngineOp[]; readonly anew: readonly PeerId[] } {
  const leaving = removed.filter((id) => known.has(id));
  const anew = set.filter((now) => isAnother(known.get(now.peer), now)).map(({ peer }) => peer);
  const isAnew = new Set(anew);
  const fresh = set.filter(({ peer }) => !known.has(peer) || isAnew.has(peer));
  // One that is made anew has no routes in the engine any more, whether or not they are the same.
  const moved = set.filter(
    ({ peer, allowedIps }) => isAnew.has(peer) || !isSameList(known.get(peer)?.allowedIps ?? [], allowedIps),
  );
  const lost = [...leaving, ...moved.map(({ peer }) => peer)];
  const remove = lost.flatMap((id) => known.get(id)?.allowedIps ?? []);
  const add = routesOf(moved);
  const ops: EngineOp[] = [
    ...[...leaving, ...anew].map((peer): EngineOp => ({ op: 'peer-del', peer })),
    ...fresh.map(addPeer),
  ];
  if (remove.length + add.length > 0) ops.push({ op: 'routes-change', remove, add });
  return { ops, anew };
}

const isAnother = (old: TunnelPeer | undefined, now: TunnelPeer): boolean =>
  old !== undefined && !isSamePeer(old, now);

/** Also refuses what the core could not tell apart. */
function index(peers: readonly TunnelPeer[]): Map<PeerId, TunnelPeer> {
  const byId = new Map<PeerId, TunnelPeer>();
  const keys = new Set<string>();
  for (const peer of peers) {
    const key = toHex(peer.publicKey);
    if (byId.has(peer.peer)) throw new RhumbError('conflict', `peer ${peer.peer} is listed twice`);
    if (keys.has(key)) throw new RhumbError('conflict', `peer ${peer.peer} has the key of another`);
    if (peer.presharedKey !== undefined && peer.presharedKey.length !== 32)
      throw new RhumbError('bad-argument', `peer ${peer.peer}: a preshared key has 32 bytes`);
    keys.add(key);
    byId.set(peer.peer, { ...peer, publicKey: copyOf(peer.publicKey), presharedKey: undefined });
  }
  return byId;
}

const isSamePeer = (a: TunnelPeer, b: TunnelPeer): boolean =>
  equal(a.publicKey, b.publicKey) &&
  (a.wireguardOnly === true) === (b.wireguardOnly === true) &&
  (a.jailed === true) === (b.jailed === true);

const isSameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, i) => text === b[i]);

/** The core passes the socket through with the address. */
function sourceOf(record: Extract<EngineRecord, { readonly type: 'handshake' }>): {
  readonly from: Origin | undefined;
  readonly peer: PeerId | undefined;
} {
  const { from, via, peer } = record;
  return { from: from === undefined || via === undefined ? from : { ...from, via }, peer };
}

const addPeer = (peer: TunnelPeer): EngineOp => ({
  op: 'peer-add',
  peer: peer.peer,
  publicKey: peer.publicKey,
  wireguardOnly: peer.wireguardOnly === true,
  jailed: peer.jailed === true,
});

const routesOf = (peers: readonly TunnelPeer[]): Route[] =>
  peers.flatMap((peer) => peer.allowedIps.map((prefix) => ({ prefix, peer: peer.peer })));

/** `dropNotAuthentic` → `drop.handshake-not-authentic`, `initiationsSent` → `handshake.initiations-sent`. */
function statName(name: string): string {
  const dashed = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return dashed.startsWith('drop-')
    ? `drop.handshake-${dashed.slice('drop-'.length)}`
    : `handshake.${dashed}`;
}
