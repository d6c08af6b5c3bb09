/** The relay server: admits connections, knows who is there, and carries packets between them (nat-traversal.md §1). */
import type { Clock, Random } from '#shared/async/clock.ts';
import { importPrivate } from '#shared/crypto/x25519.ts';
import {
  encodePeerGone,
  encodePeerPresent,
  encodeRestarting,
  encodeServerKey,
  PeerGoneReason,
  type Restarting,
} from '#shared/derp/messages.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import { keyBytes, type NodeKey, nodeKeyFrom, type PrivateKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { afterIo } from './after-io.ts';
import { TokenBucket } from './bucket.ts';
import type { ConnInfo, RelayConn, Transport } from './conn.ts';
import { Counters } from './counters.ts';
import type { MeshForwarder, Recipient } from './courier.ts';
import { Flusher } from './flusher.ts';
import { SourceGate } from './gate.ts';
import { nameOf } from './key-name.ts';
import { MESH_RETRY_MS, MIN_BURST_BYTES, WRITE_MS } from './limits.ts';
import { type LinkEnd, MeshLink } from './mesh-link.ts';
import { metricsText, type RelayStats } from './metrics.ts';
import { Peers } from './peers.ts';
import { Session } from './session.ts';
import type { SessionHost } from './session-host.ts';
import { type Listener, Sources } from './sources.ts';
import { TimerWheel } from './wheel.ts';

/** How much one client may send. */
export interface RateLimit {
  readonly bytesPerS: number;
  /** Raised to one whole packet where it is less. */
  readonly burstBytes: number;
}

export interface RelayOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly privateKey: PrivateKey;
  /** 32 bytes that the relays of a region share. */
  readonly meshKey?: Uint8Array | undefined;
  /** Asked once for each connection; `source` is the client's IP address or empty. A rejection is a "no". */
  readonly verify?: ((key: NodeKey, source: string, signal: AbortSignal) => Promise<boolean>) | undefined;
  readonly rate?: RateLimit | undefined;
  /** Connections at once from one IPv4 address or IPv6 /64; those from this machine are not counted. */
  readonly perSource?: number;
  /** How long a client may leave unread what we send; 0 for ever (nat-traversal.md §1.10). */
  readonly writeTimeoutMs?: number;
  /** Calls once the event loop has handed out what there is to read; tests hand in their own. */
  readonly afterIo?: (fn: () => void) => void;
}

/** Another relay of the region. */
export interface MeshTarget {
  readonly name: string;
  /** A stream to its relay protocol, after the HTTP upgrade; bytes that came along are delivered by `start`. */
  dial(signal: AbortSignal): Promise<RelayConn>;
}

export interface RelayClient {
  readonly key: NodeKey;
  readonly remote: string | undefined;
  readonly transport: Transport;
  /** ms since 1970. */
  readonly connectedAt: number;
  readonly isHome: boolean;
  readonly isMesh: boolean;
  readonly isIdeal: boolean;
  /** False for one of several connections of a key, if it is not the one that gets packets. */
  readonly isActive: boolean;
  readonly appName: string;
}

export class RelayServer {
  readonly publicKey: NodeKey;
  readonly #options: RelayOptions;
  readonly #host: SessionHost<Session>;
  readonly #counters = new Counters();
  readonly #gate: SourceGate;
  readonly #sessions = new Set<Session>();
  readonly #watchers = new Set<Session>();
  readonly #links = new Set<MeshLink>();
  readonly #closing = new AbortController();
  #rate: RateLimit | undefined;
  #open = 0;
  #homes = 0;
  #notIdeal = 0;

  constructor(options: RelayOptions) {
    const { clock, random, log, privateKey, meshKey } = options;
    const own = importPrivate(privateKey);
    const nowMs = (): number => clock.monotonic();
    const sources = new Sources<Listener>();
    this.publicKey = nodeKeyFrom(own.publicRaw);
    this.#options = options;
    this.#rate = sane(options.rate);
    this.#gate = new SourceGate(options.perSource);
    this.#host = {
      clock,
      random,
      log,
      counters: this.#counters,
      nowMs,
      flusher: new Flusher(options.afterIo ?? afterIo),
      wheel: new TimerWheel(clock),
      peers: new Peers<Recipient, MeshForwarder>(this.#counters, (peer) => sources.gone(peer.name)),
      sources,
      own,
      meshKey,
      greeting: encodeServerKey(own.publicRaw),
      writeMs: options.writeTimeoutMs ?? WRITE_MS,
      verify: options.verify,
      newBucket: () => this.#newBucket(),
      onOpen: (session) => this.#onOpen(session),
      onClosed: (session) => this.#onClosed(session),
      onHome: (delta) => {
        this.#homes += delta;
      },
      onWatch: (session) => this.#onWatch(session),
      closePeer: (name) => this.#closeByName(name),
    };
  }

  get hasMeshKey(): boolean {
    return this.#options.meshKey !== undefined;
  }

  /** Serves a connection that has been upgraded; resolves when it has ended, never rejects. */
  async accept(stream: RelayConn, info: ConnInfo): Promise<void> {
    const counters = this.#counters;
    counters.accepts++;
    if (info.transport === 'websocket') counters.websocketAccepts++;
    if (this.#closing.signal.aborted) {
      counters.refused.closing++;
      stream.destroy();
      return;
    }
    const leave = this.#gate.enter(info.remote?.ip);
    if (leave === undefined) {
      counters.refused.gate++;
      stream.destroy();
      return;
    }
    const session = new Session(this.#host, stream, info);
    this.#sessions.add(session);
    try {
      await session.run();
    } finally {
      this.#sessions.delete(session);
      leave();
    }
  }

  /** Changes the limit of all clients, at once; undefined takes it away. */
  setRate(rate: RateLimit | undefined): RateLimit | undefined {
    this.#rate = sane(rate);
    for (const session of this.#sessions) session.setBucket(this.#newBucket());
    return this.#rate;
  }

  /** Keeps a link to another relay of the region until aborted, or until it turns out to be this one. */
  async meshWith(target: MeshTarget, signal: AbortSignal): Promise<void> {
    const { meshKey } = this.#options;
    if (meshKey === undefined) throw new RhumbError('bad-argument', 'a mesh needs a mesh key');
    const { clock, log } = this.#host;
    const told = AbortSignal.any([signal, this.#closing.signal]);
    while (!told.aborted) {
      const end = await this.#linkOnce(target, meshKey, told);
      if (end.kind === 'self') {
        log('info', 'mesh.self', { relay: target.name });
        return;
      }
      if (told.aborted) return;
      log('warn', 'mesh.down', { relay: target.name, why: end.why });
      // Ends early only when told, which the loop looks at.
      await clock.sleep(MESH_RETRY_MS, told).catch(() => undefined);
    }
  }

  /** Closes all connections of a key here, for one whose admission was taken back; says how many there were. */
  closePeer(key: NodeKey): number {
    return this.#closeByName(nameOf(keyBytes(key)));
  }

  /** Tells everybody to come back, each at its own moment within `reconnectInMs`, and takes nobody in any more. */
  async closeAll(restarting: Restarting): Promise<void> {
    this.#closing.abort(new RhumbError('unavailable', 'the relay is closing'));
    for (const link of this.#links) link.lose('closing');
    for (const session of this.#sessions) {
      const reconnectInMs = Math.floor(this.#host.random() * restarting.reconnectInMs);
      session.sayGoodbye(encodeRestarting({ reconnectInMs, tryForMs: restarting.tryForMs }));
    }
    await Promise.all([...this.#sessions].map((session) => session.ended));
  }

  clients(): RelayClient[] {
    const found: RelayClient[] = [];
    for (const session of this.#sessions) {
      const { member, conn } = session;
      if (member === undefined) continue;
      found.push({
        key: nodeKeyFrom(member.raw),
        remote: conn.remote?.ip,
        transport: conn.transport,
        connectedAt: member.openedAtWallMs,
        isHome: session.isHome,
        isMesh: member.isMesh,
        isIdeal: conn.isIdeal,
        isActive: member.peer.active === session,
        appName: member.info.appName,
      });
    }
    return found;
  }

  stats(): RelayStats {
    const { peers } = this.#host;
    return {
      connections: this.#open,
      homes: this.#homes,
      notIdeal: this.#notIdeal,
      peersTotal: peers.total,
      peersLocal: peers.locals,
      clonedKeys: peers.clonedKeys,
      cloneConns: peers.cloneConns,
      watchers: this.#watchers.size,
      meshLinks: this.#links.size,
      handshaking: this.#sessions.size - this.#open,
      rate: this.#rate,
      counters: this.#counters,
    };
  }

  /** Prometheus text with the official names (nat-traversal.md §1.14). */
  metricsText(): string {
    return metricsText(this.stats());
  }

  #newBucket(): TokenBucket | undefined {
    const rate = this.#rate;
    return rate === undefined
      ? undefined
      : new TokenBucket(rate.bytesPerS, rate.burstBytes, this.#host.nowMs());
  }

  #onOpen(session: Session): void {
    this.#open++;
    if (!session.conn.isIdeal) this.#notIdeal++;
    this.#tellWatchers(session, true);
  }

  #onClosed(session: Session): void {
    this.#open--;
    if (!session.conn.isIdeal) this.#notIdeal--;
    this.#watchers.delete(session);
    const { member } = session;
    if (member !== undefined && this.#host.peers.remove(member.peer, session))
      this.#tellWatchers(session, false);
  }

  #onWatch(watcher: Session): void {
    // Ourselves, through a list that names all relays of the region.
    if (watcher.member === undefined || nodeKeyFrom(watcher.member.raw) === this.publicKey) return;
    if (this.#watchers.has(watcher)) return;
    let count = 0;
    for (const session of this.#sessions) {
      const { member } = session;
      if (member === undefined || member.peer.active !== session) continue;
      watcher.update(member.name, present(session, member.raw));
      count++;
    }
    this.#counters.meshBatch.observe(count);
    this.#watchers.add(watcher);
  }

  #tellWatchers(session: Session, isPresent: boolean): void {
    const { member } = session;
    if (member === undefined || this.#watchers.size === 0) return;
    const frame = isPresent
      ? present(session, member.raw)
      : encodePeerGone(member.raw, PeerGoneReason.Disconnected);
    for (const watcher of this.#watchers) {
      if (!isPresent) this.#counters.peerGoneDisconnectedFrames++;
      this.#counters.meshBatch.observe(1);
      watcher.update(member.name, frame);
    }
  }

  #closeByName(name: string): number {
    let closed = 0;
    for (const session of this.#sessions) {
      if (session.member?.name !== name) continue;
      session.destroy('closed by order');
      closed++;
    }
    return closed;
  }

  async #linkOnce(target: MeshTarget, meshKey: Uint8Array, signal: AbortSignal): Promise<LinkEnd> {
    let stream: RelayConn;
    try {
      stream = await target.dial(signal);
    } catch (error) {
      return { kind: 'lost', why: toRhumbError(error).message };
    }
    return new Promise((resolve) => {
      const stop = (): void => link.lose('closing');
      const link = new MeshLink({ ...this.#host, meshKey }, target.name, stream, (end) => {
        signal.removeEventListener('abort', stop);
        this.#links.delete(link);
        resolve(end);
      });
      this.#links.add(link);
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      else link.start();
    });
  }
}

const present = ({ conn, presentFlags }: Session, key: Uint8Array): Uint8Array =>
  encodePeerPresent({ key, addr: conn.remote, flags: presentFlags });

/** A bucket must be able to hold one whole packet. */
function sane(rate: RateLimit | undefined): RateLimit | undefined {
  if (rate === undefined || rate.bytesPerS <= 0) return undefined;
  return { bytesPerS: rate.bytesPerS, burstBytes: Math.max(rate.burstBytes, MIN_BURST_BYTES) };
}
