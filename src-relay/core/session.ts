/** One connection of one client, from its greeting to its end (nat-traversal.md §1.6–§1.10). */
import { Buffer } from 'node:buffer';
import { FrameType, HEADER_BYTES, PING_BYTES } from '#shared/derp/frames.ts';
import type { ClientInfo } from '#shared/derp/info.ts';
import {
  encodeHealth,
  encodePeerGone,
  encodePong,
  PeerGoneReason,
  PresentFlag,
} from '#shared/derp/messages.ts';
import { toRhumbError } from '#shared/errors.ts';
import { nodeKeyFrom } from '#shared/key/key.ts';
import type { TokenBucket } from './bucket.ts';
import type { ConnEvents, ConnInfo, RelayConn } from './conn.ts';
import type { RefusalReason } from './counters.ts';
import { Courier, type Recipient } from './courier.ts';
import { isClientInfo, judgeFrame } from './frame-rules.ts';
import { isMeshKey, openClientInfo } from './handshake.ts';
import { type FrameHandler, Inbox, Verdict } from './inbox.ts';
import { KeepAlive } from './keep-alive.ts';
import { nameAt, nameOf } from './key-name.ts';
import * as limits from './limits.ts';
import { Outbox, type OutboxOwner } from './outbox.ts';
import type { Member, SessionHost } from './session-host.ts';
import type { Listener } from './sources.ts';
import { Throttle } from './throttle.ts';
import { NOT_TIMED, type Timed } from './wheel.ts';

/** greeting → admitting → open → ended; any of them → ended. */
type Phase = 'greeting' | 'admitting' | 'open' | 'ended';

const CLONED = 'another machine is using the same node key; sign in again on one of the two';

export class Session implements ConnEvents, FrameHandler, OutboxOwner, Recipient, Listener, Timed {
  readonly conn: ConnInfo;
  readonly #host: SessionHost<Session>;
  readonly #stream: RelayConn;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #keepAlive = new KeepAlive();
  #phase: Phase = 'greeting';
  #member: Member | undefined;
  #admission: Promise<void> | undefined;
  #abort: AbortController | undefined;
  /** Only where there is a limit. */
  #throttle: Throttle | undefined;
  readonly #ended = Promise.withResolvers<void>();
  #isHome = false;
  #hasPong = false;
  #isEnding = false;
  /** Keys from which this connection has had packets, and the latest of them. */
  #heard: Set<string> | undefined;
  #lastSource: string | undefined;
  wheelSlot = NOT_TIMED;
  wheelNext: Timed | undefined;
  wheelPrevious: Timed | undefined;

  constructor(host: SessionHost<Session>, stream: RelayConn, conn: ConnInfo) {
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
    this.#keepAlive.heard();
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
    if (member === undefined)
      return isClientInfo(type, length)
        ? Verdict.Take
        : this.#refuse('handshake', 'not a client info of a sane size');
    // Not for a pong, which says only that we asked.
    if (member.peer.clones !== undefined && type !== FrameType.Pong)
      this.#host.peers.noteActivity(member.peer, this);
    const verdict = judgeFrame(type, length, member.isMesh);
    if (verdict === Verdict.Fail) return this.#refuse('protocol', `frame ${type} of ${length} bytes`);
    if (verdict === Verdict.Skip) this.#host.counters.unknownFrames++;
    if (this.#throttle === undefined || this.#throttle.take(length)) return verdict;
    this.#host.counters.rateLimitWaited++;
    this.#stream.pause();
    // What is skipped is not waited for; the frame after it is.
    return verdict === Verdict.Take ? Verdict.Wait : verdict;
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
      this.#sayAlive();
    }
  }

  /** The limit has changed. */
  setBucket(bucket: TokenBucket | undefined): void {
    const mine = this.#member?.isMesh === true ? undefined : bucket;
    if (mine !== undefined) this.#throttle ??= new Throttle(this.#host.clock, () => this.#resume());
    this.#throttle?.set(mine);
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
    // What still comes is not kept: nothing slows it down.
    this.#inbox.stop();
    this.#host.wheel.arm(this, limits.WRITE_MS);
    this.#stream.end();
  }

  destroy(why: string): void {
    this.#end(why);
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
    verify: NonNullable<SessionHost<Session>['verify']>,
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
    const rttMs = this.#keepAlive.pong(this.#host.nowMs());
    if (rttMs !== undefined) this.#host.counters.rttMs.observe(rttMs);
  }

  #sayAlive(): void {
    // Below what makes a connection say "no more" there is no write deadline; what it holds must not stay for ever.
    if (this.#host.writeMs > 0 && this.#stream.isStalled()) {
      this.#host.counters.writeTimeouts++;
      this.#end('does not read');
      return;
    }
    const frame = this.#keepAlive.next(this.#member?.info.canAckPings === true, this.#host.nowMs());
    if (frame === undefined) {
      this.#end('silent');
      return;
    }
    this.#outbox.control(frame);
    this.#armKeepalive();
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

  /** Reads on with what was held; what that leads to may hold again. */
  #resume(): void {
    this.#inbox.release();
    if (this.#throttle?.isWaiting !== true && this.#phase === 'open') this.#stream.resume();
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
    this.#throttle?.close();
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
