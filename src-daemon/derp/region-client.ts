/** One region: carries out what its state machine wants, holds its queue, and watches its connection. */
import type { Clock, Random } from '#shared/async/clock.ts';
import type { X25519Private } from '#shared/crypto/x25519.ts';
import { encodeSendPacket, type Restarting } from '#shared/derp/messages.ts';
import { looksLikeDisco } from '#shared/disco/envelope.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { NodeKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { portOf } from '#shared/node/relay/tcp-race.ts';
import { Connection } from './connection.ts';
import type { CounterSet } from './counters.ts';
import { IdealNode } from './ideal-node.ts';
import { PacketQueue } from './packet-queue.ts';
import { type RegionEvent, type RegionState, type RestartPlan, restartPlan, step } from './region-machine.ts';
import { RegionNodes } from './region-nodes.ts';
import { publicState, viewOf } from './region-view.ts';
import type { DerpNode, DerpRegion, Dial, Dialed, RelayState } from './types.ts';

export interface RegionClientOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly dial: Dial;
  readonly counters: CounterSet;
  readonly region: DerpRegion;
  readonly identity: X25519Private;
  /** A new one for each connection. */
  readonly nextGeneration: () => number;
  readonly prefersIpv6: () => boolean;
  readonly onPacket: (from: NodeKey, data: Uint8Array, generation: number) => void;
  readonly onPeerGone: (key: NodeKey, reason: number) => void;
  /** The connection that had this generation is no more. */
  readonly onEnded: () => void;
  readonly onState: () => void;
}

/** Everything from the first SYN to our client info (nat-traversal.md §1.7). */
const CONNECT_BUDGET_MS = 10_000;
/** From our client info to the relay's: it may ask an admission server for 5 s in between. */
const JOIN_LIMIT_MS = 15_000;
/** A region that is not home is closed after this long without a write. */
const IDLE_MS = 60_000;
const REBIND_PING_MS = 3_000;
/** A timer that comes this late says more about us than about the relay. */
const LATE_MS = 1_000;
const HEALTH_MS = 1_000;
/** What one attempt or connection holds; all of it goes at its end. */
interface Live {
  readonly cancel: AbortController;
  connection: Connection | undefined;
  node: DerpNode | undefined;
  /** When this is not the region's first node. */
  ideal: IdealNode | undefined;
}

export class RegionClient {
  readonly #o: RegionClientOptions;
  readonly #queue = new PacketQueue();
  readonly #nodes: RegionNodes;
  #state: RegionState;
  #live: Live | undefined;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #cancelTelling: (() => void) | undefined;
  #isHome = false;
  #wroteAt = Number.NEGATIVE_INFINITY;
  #heardAt: number | undefined;
  #lastError: string | undefined;
  #problem: string | undefined;
  #restart: RestartPlan | undefined;

  constructor(options: RegionClientOptions) {
    this.#o = options;
    this.#nodes = new RegionNodes(options.region);
    this.#state = { kind: 'idle', sinceMs: options.clock.monotonic() };
  }

  /** The number of the connection that can carry packets now. */
  get openGeneration(): number | undefined {
    return this.#live?.connection?.generation;
  }

  get heardAtMs(): number | undefined {
    return this.#live?.connection?.heardAtMs ?? this.#heardAt;
  }

  setHome(isHome: boolean): void {
    if (isHome === this.#isHome) return;
    this.#isHome = isHome;
    this.#live?.connection?.notePreferred(isHome);
    // What was home is kept until it has been idle like any other.
    if (isHome) this.#do({ kind: 'want' });
    else this.#wroteAt = this.#o.clock.monotonic();
    this.#o.onState();
  }

  /** To a raw key; copies the packet. */
  send(to: Uint8Array, packet: Uint8Array): void {
    const { clock, counters } = this.#o;
    const now = clock.monotonic();
    this.#wroteAt = now;
    const frame = encodeSendPacket(to, packet);
    const connection = this.#live?.connection;
    if (connection?.isWritable === true && this.#queue.length === 0) {
      connection.send(frame, now);
      return;
    }
    if (this.#queue.push(frame, looksLikeDisco(packet), now)) counters.drop('queue-head');
    if (connection === undefined) this.#do({ kind: 'want' });
    else this.#drain();
  }

  /** A live connection from an address that is still ours must prove itself within 3 s; everything else begins anew. */
  networkChanged(isUsable: (localIp: string) => boolean): void {
    const connection = this.#live?.connection;
    if (connection === undefined) {
      this.#do({ kind: 'renew' });
      return;
    }
    const { localIp } = connection;
    const isOurs = localIp === undefined || isLoopback(localIp) || isUsable(localIp);
    const canProve = connection.answersPings && isOurs;
    if (canProve) connection.ping(REBIND_PING_MS);
    else this.#do({ kind: this.#isWanted() ? 'renew' : 'stop' });
  }

  /** Closes a region that nobody writes to. */
  sweep(): void {
    if (this.#state.kind === 'idle' || this.#isWanted()) return;
    this.#o.counters.idleClosed++;
    this.#o.log('info', 'relay.idle', { region: this.#o.region.RegionID });
    this.stop();
  }

  stop(): void {
    this.#lastError = undefined;
    this.#do({ kind: 'stop' });
    this.#o.counters.drop('closed', this.#queue.clear());
  }

  view(): RelayState {
    const { region } = this.#o;
    const live = this.#live;
    return viewOf(region, this.#state, {
      isHome: this.#isHome,
      node: live?.node,
      localIp: live?.connection?.localIp,
      latencyMs: live?.connection?.latencyMs,
      heardAtMs: this.heardAtMs,
      lastError: this.#lastError,
      problem: this.#problem,
      queued: this.#queue.length,
    });
  }

  #isWanted(): boolean {
    return this.#isHome || this.#o.clock.monotonic() - this.#wroteAt < IDLE_MS;
  }

  #do(event: RegionEvent): void {
    const before = this.#state;
    const { state, effects } = step(before, event, this.#o.clock.monotonic(), this.#o.random);
    if (state === before) return;
    this.#state = state;
    for (const effect of effects) {
      if (effect === 'end') this.#end();
      else if (effect === 'dial') this.#dial();
      else this.#wait();
    }
    this.#arm();
    if (publicState(state) !== publicState(before)) this.#o.onState();
  }

  #end(): void {
    const live = this.#live;
    this.#live = undefined;
    this.#problem = undefined;
    this.#cancelTelling?.();
    this.#cancelTelling = undefined;
    this.#restart = undefined;
    if (live === undefined) return;
    live.cancel.abort();
    if (live.connection === undefined) return;
    this.#heardAt = live.connection.heardAtMs;
    live.connection.close();
    this.#o.onEnded();
  }

  #wait(): void {
    if (this.#state.kind !== 'waiting') return;
    const { clock } = this.#o;
    this.#setTimer(this.#state.untilMs - clock.monotonic(), () => this.#do({ kind: 'due' }));
  }

  #dial(): void {
    const { region, log } = this.#o;
    const live = newLive();
    this.#live = live;
    log('debug', 'relay.dial', { region: region.RegionID });
    this.#setTimer(CONNECT_BUDGET_MS, () => this.#lost('timed out'));
    // Its outcome is looked at only as long as this attempt is the current one.
    this.#attempt(this.#nodes.order(), live.cancel.signal).then(
      (dialed) => {
        if (this.#live === live) this.#connected(live, dialed);
        else dialed.stream.close();
      },
      (error: unknown) => {
        if (this.#live === live) this.#lost(toRhumbError(error).message);
      },
    );
  }

  #attempt(nodes: readonly DerpNode[], signal: AbortSignal): Promise<Dialed> {
    const { region, counters, dial, prefersIpv6 } = this.#o;
    counters.dials++;
    return dial({ region, nodes, prefersIpv6: prefersIpv6() }, signal);
  }

  #idealNode(live: Live, better: DerpNode): IdealNode {
    const { clock, random, region, log } = this.#o;
    return new IdealNode({
      clock,
      random,
      dial: (signal) => this.#attempt([better], signal),
      onDialed: (dialed) => {
        if (this.#live !== live || this.#state.kind !== 'connected') {
          dialed.stream.close();
          return;
        }
        log('info', 'relay.ideal', { region: region.RegionID, node: dialed.node.Name });
        this.#do({ kind: 'switch' });
        const next = newLive();
        this.#live = next;
        this.#setTimer(CONNECT_BUDGET_MS, () => this.#lost('timed out'));
        this.#connected(next, dialed);
      },
      onFailed: (error) =>
        log('debug', 'relay.ideal-down', { region: region.RegionID, why: toRhumbError(error).message }),
    });
  }

  #connected(live: Live, { stream, node }: Dialed): void {
    const { clock, random, counters, identity } = this.#o;
    live.node = node;
    const better = this.#nodes.dialableBetterThan(node);
    if (better !== undefined) live.ideal = this.#idealNode(live, better);
    const connection = new Connection({
      stream,
      clock,
      random,
      counters,
      identity,
      generation: this.#o.nextGeneration(),
      upgrade: {
        hostName: node.HostName,
        port: portOf(node),
        idealNode: this.#nodes.betterThan(node)?.Name,
      },
      on: {
        opened: () => {
          live.connection = connection;
          if (this.#isHome) connection.notePreferred(true);
          this.#do({ kind: 'opened' });
          this.#drain();
        },
        joined: () => this.#joined(),
        writable: () => this.#drain(),
        packet: (from, data) => this.#o.onPacket(from, data, connection.generation),
        peerGone: (key, reason) => this.#o.onPeerGone(key, reason),
        health: (problem) => this.#health(problem),
        restarting: (announced) => this.#restarting(announced),
        deadlineMoved: () => {
          if (connection.deadlineMs() < this.#timerAt) this.#arm();
        },
        ended: (why) => {
          if (this.#live === live) this.#lost(why);
        },
      },
    });
    // Closing a stream that never opened is the machine's business too.
    live.cancel.signal.addEventListener('abort', () => connection.close(), { once: true });
    connection.start();
  }

  #joined(): void {
    this.#lastError = undefined;
    this.#nodes.failed(undefined);
    this.#o.log('info', 'relay.up', {
      region: this.#o.region.RegionID,
      node: this.#live?.node?.Name,
      isHome: this.#isHome,
    });
    this.#do({ kind: 'joined' });
  }

  /** A relay may change its mind as often as it likes; who listens hears of it once a second. */
  #health(problem: string | undefined): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    if (this.#cancelTelling !== undefined) return;
    const { clock, onState } = this.#o;
    onState();
    this.#cancelTelling = clock.after(HEALTH_MS, () => {
      this.#cancelTelling = undefined;
      if (this.#problem !== problem) onState();
    });
  }

  #restarting(announced: Restarting): void {
    const level = this.#restart === undefined ? 'info' : 'debug';
    this.#restart = restartPlan(announced, this.#o.clock.monotonic());
    this.#o.log(level, 'relay.restarting', { region: this.#o.region.RegionID, ...announced });
    this.#arm();
  }

  #lost(why: string): void {
    const { counters, log, region } = this.#o;
    if (this.#live?.connection === undefined) counters.dialFailures++;
    else counters.connectionsLost++;
    if (this.#state.kind !== 'connected') this.#nodes.failed(this.#live?.node);
    const before = this.#lastError;
    if (this.#restart !== undefined) this.#lastError = 'the relay is restarting';
    else this.#lastError = this.#state.kind === 'joining' ? `${why} before it admitted us` : why;
    // Every few seconds for as long as a relay is away: said once.
    const level = this.#restart !== undefined ? 'info' : this.#lastError === before ? 'debug' : 'warn';
    log(level, 'relay.down', { region: region.RegionID, why: this.#lastError });
    this.#do({ kind: 'lost', isWanted: this.#isWanted(), restart: this.#restart });
  }

  #drain(): void {
    const connection = this.#live?.connection;
    if (connection === undefined || this.#queue.length === 0) return;
    const now = this.#o.clock.monotonic();
    this.#o.counters.drop('stale', this.#queue.expire(now));
    while (connection.isWritable) {
      const frame = this.#queue.shift();
      if (frame === undefined) return;
      connection.send(frame, now);
    }
  }

  /** The timer for what the present state waits for; dialling and waiting have set theirs. */
  #arm(): void {
    const state = this.#state;
    if (state.kind === 'idle') {
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
      return;
    }
    if (state.kind === 'dialing' || state.kind === 'waiting') return;
    const connection = this.#live?.connection;
    if (connection === undefined) return;
    const joinBy = state.kind === 'joining' ? state.sinceMs + JOIN_LIMIT_MS : Number.POSITIVE_INFINITY;
    const restartAt = this.#restart?.reconnectAtMs ?? Number.POSITIVE_INFINITY;
    const idealAt = this.#live?.ideal?.dueMs ?? Number.POSITIVE_INFINITY;
    const at = Math.min(connection.deadlineMs(), joinBy, restartAt, idealAt);
    this.#setTimer(at - this.#o.clock.monotonic(), () => this.#tick(at, { joinBy, restartAt }));
  }

  #tick(at: number, due: { readonly joinBy: number; readonly restartAt: number }): void {
    const { joinBy, restartAt } = due;
    const now = this.#o.clock.monotonic();
    const live = this.#live;
    if (now - at > LATE_MS) {
      // We were held up, or asleep: what the relay sent meanwhile has not been read yet.
      this.#setTimer(LATE_MS, () => this.#tick(now + LATE_MS, due));
      return;
    }
    if (now >= joinBy) this.#lost('the relay did not answer');
    else if (now >= restartAt) this.#lost('the relay is restarting');
    else {
      const why = live?.connection?.check(now);
      if (why !== undefined) {
        this.#lost(why);
        return;
      }
      live?.ideal?.check(now, live.connection?.trafficAtMs ?? now, live.cancel.signal);
      this.#arm();
    }
  }

  #setTimer(ms: number, fn: () => void): void {
    this.#cancelTimer?.();
    this.#timerAt = this.#o.clock.monotonic() + ms;
    this.#cancelTimer = this.#o.clock.after(Math.max(0, ms), () => {
      this.#cancelTimer = undefined;
      this.#timerAt = Number.POSITIVE_INFINITY;
      fn();
    });
  }
}

/** A relay on this very machine: no change of network touches it. */
const isLoopback = (ip: string): boolean => ip === '::1' || ip.startsWith('127.');

const newLive = (): Live => ({
  cancel: new AbortController(),
  connection: undefined,
  node: undefined,
  ideal: undefined,
});
