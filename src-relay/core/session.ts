/** One connection of one client, from its greeting to its end (nat-traversal.md §1.6–§1.10). */
import { Buffer } from 'node:buffer';
import type { Clock, Random } from '#shared/async/clock.ts';
import type { X25519Private } from '#shared/crypto/x25519.ts';
import {
  FrameType,
  HEADER_BYTES,
  KEY_BYTES,
  MAX_CLIENT_INFO_BYTES,
  MAX_PACKET_BYTES,
  MAX_PING_BYTES,
  PING_BYTES,
} from '#shared/derp/frames.ts';
import type { ClientInfo } from '#shared/derp/info.ts';
import {
  encodeHealth,
  encodeKeepAlive,
  encodePeerGone,
  encodePing,
  encodePong,
  PeerGoneReason,
  PresentFlag,
} from '#shared/derp/messages.ts';
import { toRhumbError } from '#shared/errors.ts';
import { type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type { TokenBucket } from './bucket.ts';
import type { ConnEvents, ConnInfo, RelayConn } from './conn.ts';
import type { Counters, RefusalReason } from './counters.ts';
import { Courier, type Recipient, type RelayPeer, type RelayPeers } from './courier.ts';
import { isMeshKey, openClientInfo } from './handshake.ts';
import { type FrameHandler, Inbox, Verdict } from './inbox.ts';
import { nameAt, nameOf } from './key-name.ts';
import * as limits from './limits.ts';
import { Outbox, type OutboxDeps, type OutboxOwner } from './outbox.ts';
import type { Listener, Sources } from './sources.ts';
import { NOT_TIMED, type Timed, type TimerWheel } from './wheel.ts';

/** What all connections of one server share. */
export interface SessionHost extends OutboxDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly counters: Counters;
  readonly wheel: TimerWheel;
  readonly peers: RelayPeers;
  readonly sources: Sources<Listener>;
  readonly own: X25519Private;
  readonly meshKey: Uint8Array | undefined;
  readonly greeting: Uint8Array;
  /** How long a client may leave what we send unread; 0 for ever. */
  readonly writeMs: number;
  readonly verify: ((key: NodeKey, source: string, signal: AbortSignal) => Promise<boolean>) | undefined;
  newBucket(): TokenBucket | undefined;
  onOpen(session: Session): void;
  /** Only for those that were open. */
  onClosed(session: Session): void;
  onHome(delta: 1 | -1): void;
  onWatch(session: Session): void;
  closePeer(name: string): number;
}

/** greeting → admitting → open → ended; any of them → ended. */
type Phase = 'greeting' | 'admitting' | 'open' | 'ended';

/** What is known of a client once it is in. */
interface Member {
  readonly name: string;
  readonly raw: Uint8Array;
  readonly info: ClientInfo;
  readonly isMesh: boolean;
  readonly openedAtMs: number;
  readonly openedAtWallMs: number;
  readonly peer: RelayPeer;
  readonly courier: Courier;
}

const CLONED = 'another machine is using the same node key; sign in again on one of the two';
const KEEPALIVE = encodeKeepAlive();

export class Session implements ConnEvents, FrameHandler, OutboxOwner, Recipient, Listener, Timed {
  readonly conn: ConnInfo;
  readonly #host: SessionHost;
  readonly #stream: RelayConn;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  #phase: Phase = 'greeting';
  #member: Member | undefined;
  #bucket: TokenBucket | undefined;
  #admission: Promise<void> | undefined;
  #abort: AbortController | undefined;
  #cancelWait: (() => void) | undefined;
  readonly #ended = Promise.withResolvers<void>();
  #isHome = false;
  #hasPong = false;
  #isEnding = false;
  /** Pings of ours since it was last heard of. */
  #silentTimes = 0;
  /** Keys from which this connection has had packets, and the latest of them. */
  #heard: Set<string> | undefined;
  #lastSource: string | undefined;
  /** Our own ping that is under way. */
  #pingAtMs: number | undefined;
  wheelSlot = NOT_TIMED;
  wheelNext: Timed | undefined;
  wheelPrevious: Timed | undefined;

  constructor(host: SessionHost, stream: RelayConn, conn: ConnInfo) {
    this.#host = host;
    this.#stream = stream;
    this.conn = conn;
    this.#inbox = new Inbox(this);
    this.#outbox = new Outbox(stream, host, this, false);
  }

  get member(): Member | undefined {
    return this.#member;
  }
  /** Resolves when the connection is gone. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }
  get isHome(): boolean {
    return this.#isHome;
  }

  /** PeerPresent's flags (nat-traversal.md §1.5). */
  get presentFlags(): number {
    const flags =
      (this.#member?.info.isProber === true ? PresentFlag.Prober : 0) |
      (this.#member?.isMesh === true ? PresentFlag.MeshPeer : 0) |
      (this.conn.isIdeal ? 0 : PresentFlag.NotIdeal);
    return flags === 0 ? PresentFlag.Regular : flags;
  }

  /** Until the connection has ended. */
  async run(): Promise<void> {
    this.#host.wheel.arm(this, limits.HANDSHAKE_MS);
    // First, because what came with the request may be answered from within `start`.
    this.#outbox.control(this.#host.greeting);
    this.#stream.start(this);
    // At once, so that the greeting leaves together with the HTTP answer (§1.2).
    this.#outbox.flush();
    await this.ended;
    await this.#admission;
  }

  data(chunk: Buffer): void {
    this.#silentTimes = 0;
    try {
      this.#inbox.push(chunk);
    } catch (error) {
      this.#fail(error);
    }
  }

  drained(): void {
    this.#hasPong = false;
    try {
      this.#outbox.drained();
    } catch (error) {
      this.#fail(error);
    }
  }

  closed(why: string): void {
    this.#end(why);
  }

  judge(type: number, length: number): Verdict {
    const member = this.#member;
    if (member === undefined) {
      const isInfo =
        type === FrameType.ClientInfo &&
        length >= limits.MIN_CLIENT_INFO_BYTES &&
        length <= MAX_CLIENT_INFO_BYTES;
      return isInfo ? Verdict.Take : this.#refuse('handshake', 'not a client info of a sane size');
    }
    // Not for a pong, which says only that we asked.
    if (member.peer.clones !== undefined && type !== FrameType.Pong)
      this.#host.peers.noteActivity(member.peer, this);
    const verdict = this.#judgeSize(type, length, member.isMesh);
    if (verdict === Verdict.Fail) return this.#refuse('protocol', `frame ${type} of ${length} bytes`);
    if (this.#bucket === undefined) return verdict;
    const waitMs = this.#bucket.borrow(length, this.#host.nowMs());
    if (waitMs === 0 || verdict !== Verdict.Take) return verdict;
    this.#waitFor(waitMs);
    return Verdict.Wait;
  }

  frame(buffer: Buffer, at: number, type: number, length: number): void {
    const member = this.#member;
    if (member === undefined) {
      this.#greet(buffer.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length));
      return;
    }
    if (type === FrameType.SendPacket) {
      member.courier.send(buffer, at, length);
      return;
    }
    member.courier.endRun();
    const from = at + HEADER_BYTES;
    switch (type) {
      case FrameType.ForwardPacket:
        member.courier.deliverForwarded(buffer, at, length);
        break;
      case FrameType.Ping:
        this.#pong(buffer.subarray(from, from + PING_BYTES));
        break;
      case FrameType.Pong:
        this.#onPong();
        break;
      case FrameType.NotePreferred:
        this.#setHome(buffer[from] !== 0, member);
        break;
      case FrameType.WatchConns:
        this.#host.onWatch(this);
        break;
      case FrameType.ClosePeer:
        this.#closePeer(nameAt(buffer, from));
        break;
      default:
    }
  }

  scanned(): void {
    this.#member?.courier.endRun();
  }

  deliver(source: string, buffer: Buffer, from: number, to: number, frames: number): void {
    if (source !== this.#lastSource) this.#hear(source);
    this.#outbox.packets(buffer, from, to, frames);
  }

  onSourceGone(source: string): void {
    this.#heard?.delete(source);
    this.#lastSource = undefined;
    this.#host.counters.peerGoneDisconnectedFrames++;
    this.#outbox.control(encodePeerGone(Buffer.from(source, 'latin1'), PeerGoneReason.Disconnected));
  }

  onClones(isCloned: boolean): void {
    this.#outbox.control(encodeHealth(isCloned ? CLONED : ''));
  }

  /** Word of one peer, for a relay that watches. */
  update(name: string, frame: Uint8Array): void {
    this.#outbox.update(name, frame);
  }

  onBlocked(bytes: number): void {
    const { writeMs, wheel } = this.#host;
    const isMesh = this.#member?.isMesh === true;
    // A large batch may take a slow line longer; it is one client's one batch.
    const slow = Math.max(1, Math.ceil(bytes / limits.WRITE_SLICE_BYTES));
    if (isMesh) wheel.arm(this, limits.MESH_WRITE_MS);
    else if (writeMs > 0 && this.#member !== undefined) wheel.arm(this, writeMs * slow);
  }

  onUnblocked(): void {
    if (this.#phase === 'open' && !this.#isEnding) this.#armKeepalive();
  }

  onTime(): void {
    const { counters } = this.#host;
    if (this.#phase !== 'open') {
      this.#refuse('timeout', `no answer while ${this.#phase}`);
    } else if (this.#isEnding) {
      this.#end('told to reconnect');
    } else if (this.#outbox.isBlocked) {
      counters.writeTimeouts++;
      this.#end('does not read');
    } else {
      this.#keepAlive();
    }
  }

  /** The limit has changed; who waits because of the old one goes on. */
  setBucket(bucket: TokenBucket | undefined): void {
    this.#bucket = this.#member?.isMesh === true ? undefined : bucket;
    if (this.#cancelWait === undefined) return;
    this.#cancelWait();
    this.#cancelWait = undefined;
    this.#resume();
  }

  /** Sends a last frame and ends once that has left. */
  sayGoodbye(frame: Uint8Array): void {
    if (this.#phase !== 'open' || this.#isEnding) {
      this.destroy('closing');
      return;
    }
    this.#isEnding = true;
    this.#outbox.control(frame);
    this.#outbox.flush();
    this.#inbox.hold();
    this.#host.wheel.arm(this, limits.WRITE_MS);
    this.#stream.end();
  }

  destroy(why: string): void {
    this.#end(why);
  }

  #judgeSize(type: number, length: number, isMesh: boolean): Verdict {
    let isRight = true;
    switch (type) {
      case FrameType.SendPacket:
        isRight = length >= KEY_BYTES && length <= KEY_BYTES + MAX_PACKET_BYTES;
        break;
      case FrameType.ForwardPacket:
        isRight = isMesh && length >= 2 * KEY_BYTES && length <= 2 * KEY_BYTES + MAX_PACKET_BYTES;
        break;
      case FrameType.NotePreferred:
        isRight = length === 1;
        break;
      case FrameType.WatchConns:
        isRight = isMesh && length === 0;
        break;
      case FrameType.ClosePeer:
        isRight = isMesh && length === KEY_BYTES;
        break;
      case FrameType.Ping:
        isRight = length >= PING_BYTES && length <= MAX_PING_BYTES;
        break;
      case FrameType.Pong:
        return length <= MAX_PING_BYTES ? Verdict.Take : Verdict.Skip;
      default:
        this.#host.counters.unknownFrames++;
        return Verdict.Skip;
    }
    return isRight ? Verdict.Take : Verdict.Fail;
  }

  #greet(payload: Uint8Array): void {
    const host = this.#host;
    const opened = openClientInfo(host.own, payload);
    if (opened === undefined) {
      this.#refuse('handshake', 'client info that does not open');
      return;
    }
    this.#phase = 'admitting';
    const isMesh = isMeshKey(host.meshKey, opened.info.meshKey);
    if (isMesh || host.verify === undefined) {
      this.#open(opened.raw, opened.info, opened.serverInfo, isMesh);
      return;
    }
    this.#inbox.hold();
    this.#stream.pause();
    host.wheel.arm(this, limits.ADMISSION_MS);
    const abort = new AbortController();
    this.#abort = abort;
    this.#admission = this.#admit(host.verify, opened.raw, abort.signal).then((isAllowed) => {
      this.#abort = undefined;
      if (this.#phase !== 'admitting') return;
      if (!isAllowed) {
        this.#refuse('admission', 'not allowed');
        return;
      }
      this.#open(opened.raw, opened.info, opened.serverInfo, false);
      this.#resume();
    });
  }

  async #admit(
    verify: NonNullable<SessionHost['verify']>,
    raw: Uint8Array,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      return await verify(nodeKeyFrom(raw), this.conn.remote?.ip ?? '', signal);
    } catch (error) {
      // Whether to let in those that nobody could judge is the asker's decision (§1.9); not to answer is "no".
      this.#host.log('warn', 'admission.failed', { reason: toRhumbError(error).message });
      return false;
    }
  }

  #open(raw: Uint8Array, info: ClientInfo, serverInfo: Uint8Array, isMesh: boolean): void {
    const host = this.#host;
    const name = nameOf(raw);
    const peer = host.peers.add(name, raw, this);
    this.#member = {
      name,
      raw,
      info,
      isMesh,
      openedAtMs: host.nowMs(),
      openedAtWallMs: host.clock.now(),
      peer,
      courier: new Courier(host, name, raw, (frame) => this.#outbox.control(frame)),
    };
    this.#phase = 'open';
    this.setBucket(host.newBucket());
    host.onOpen(this);
    this.#outbox.control(serverInfo);
    if (this.#outbox.isBlocked) this.onBlocked(0);
    else this.#armKeepalive();
  }

  #pong(data: Uint8Array): void {
    const { counters } = this.#host;
    counters.gotPing++;
    // One waits at most: who pings faster than it reads is not answered each time.
    if (this.#outbox.isBlocked && this.#hasPong) return;
    this.#hasPong = this.#outbox.isBlocked;
    if (this.#outbox.control(encodePong(data))) counters.sentPong++;
  }

  #onPong(): void {
    if (this.#pingAtMs === undefined) return;
    this.#host.counters.rttMs.observe(this.#host.nowMs() - this.#pingAtMs);
    this.#pingAtMs = undefined;
  }

  /** Where the client answers pings, one of ours keeps the line open as well and tells the round-trip time. */
  #keepAlive(): void {
    this.#armKeepalive();
    if (this.#member?.info.canAckPings !== true) {
      this.#outbox.control(KEEPALIVE);
      return;
    }
    // The kernel would go on trying for a quarter of an hour, and Node can't set TCP_USER_TIMEOUT (§1.10).
    if (this.#silentTimes++ >= limits.MAX_SILENT_PINGS) {
      this.#end('silent');
      return;
    }
    this.#pingAtMs = this.#host.nowMs();
    const data = Buffer.alloc(PING_BYTES);
    data.writeDoubleBE(this.#pingAtMs);
    this.#outbox.control(encodePing(data));
  }

  #armKeepalive(): void {
    const { wheel, random } = this.#host;
    wheel.arm(this, limits.KEEPALIVE_MS + random() * limits.KEEPALIVE_JITTER_MS);
  }

  #setHome(isHome: boolean, member: Member): void {
    if (this.#isHome === isHome) return;
    this.#isHome = isHome;
    const host = this.#host;
    host.onHome(isHome ? 1 : -1);
    if (host.nowMs() - member.openedAtMs <= limits.HOME_SETTLE_MS) return;
    if (isHome) host.counters.homeMovesIn++;
    else host.counters.homeMovesOut++;
  }

  #closePeer(name: string): void {
    const closed = this.#host.closePeer(name);
    this.#host.log('info', 'mesh.closed-peer', { connections: closed });
  }

  #hear(source: string): void {
    this.#lastSource = source;
    const { peers, sources } = this.#host;
    if (this.#heard?.has(source) === true || peers.get(source) === undefined) return;
    this.#heard ??= new Set();
    this.#heard.add(source);
    sources.add(source, this);
  }

  #waitFor(waitMs: number): void {
    this.#host.counters.rateLimitWaited++;
    this.#stream.pause();
    this.#cancelWait = this.#host.clock.after(waitMs, () => {
      this.#cancelWait = undefined;
      this.#resume();
    });
  }

  /** Reads on with what was held; what that leads to may hold again. */
  #resume(): void {
    this.#inbox.release();
    if (this.#cancelWait === undefined && this.#phase === 'open') this.#stream.resume();
  }

  #refuse(reason: RefusalReason, why: string): Verdict {
    this.#host.counters.refused[reason]++;
    this.#end(why);
    return Verdict.Fail;
  }

  /** A bug of ours, which must cost this connection and not all others. */
  #fail(error: unknown): void {
    this.#host.log('error', 'client.failed', { error: toRhumbError(error).message });
    this.#end('internal error');
  }

  #end(why: string): void {
    if (this.#phase === 'ended') return;
    const wasOpen = this.#phase === 'open';
    this.#phase = 'ended';
    const host = this.#host;
    host.wheel.cancel(this);
    this.#cancelWait?.();
    this.#abort?.abort(new Error(why));
    this.#inbox.stop();
    this.#outbox.close();
    this.#stream.destroy();
    if (this.#heard !== undefined) for (const source of this.#heard) host.sources.remove(source, this);
    if (wasOpen && this.#member !== undefined) {
      if (this.#isHome) host.onHome(-1);
      host.onClosed(this);
    }
    host.log('debug', 'client.closed', { why, remote: this.conn.remote?.ip });
    this.#ended.resolve();
  }
}
