/** What must hold in every simulated network, and is checked all the time. */
import type { SockAddr } from '#shared/ip/address.ts';
import type { EnginePath } from '../../magicsock/types.ts';
import { isForbidden } from '../network/forbidden.ts';
import type { Datagram } from '../network/network.ts';
import type { WorldPlan } from '../network/world.ts';
import { idOf, type Machine } from './machine.ts';

/** Never longer without a packet while some path exists. */
const MAX_HOLE_MS = 5_000;
/** With real tunnels: where data is lost and probes are not, that takes 3 s to see; a handshake message may be among it. */
const MAX_TUNNEL_HOLE_MS = MAX_HOLE_MS + 3_000;
/**
 * A direct path that is possible is found within this time of calm. Nearly always it takes less than a second; but a source
 * for which nothing but pings speaks, and to which two of ours were lost, is asked again after nine more of them only.
 */
export const MAX_SEARCH_MS = 30_000;
/** The same where a NAT forgets sooner than checks of the network follow each other (§2.8): an address told is gone by then. */
export const MAX_SHORT_TIMER_SEARCH_MS = 45_000;
const CHECKS_MS = 27_000;

export const searchLimitMs = ({ sites }: WorldPlan): number =>
  sites.some(({ nat }) => nat !== undefined && nat.mapping !== 'none' && nat.idleMs < CHECKS_MS)
    ? MAX_SHORT_TIMER_SEARCH_MS
    : MAX_SEARCH_MS;
/**
 * Disco datagrams of one machine in a minute, for each peer: heartbeats, bursts over all its addresses and the answers to
 * its own; and one attempt to guess ports (nat-traversal.md §11.4: 1 024 guesses at most, 256 sockets, their answers).
 */
export const MAX_PROBES_PER_PEER = 300 + 1_600;
/** After the last packet of any kind; the session's 45 s and its last pings are over then. */
const SILENCE_MS = 60_000;
/** With real tunnels: those try for 90 s to reach a peer that owes an answer (WireGuard paper §6.1). */
const TUNNEL_SILENCE_MS = SILENCE_MS + 2 * 90_000;
export const MODEL_LIMITS = { silenceMs: SILENCE_MS, maxHoleMs: MAX_HOLE_MS };
export const TUNNEL_LIMITS = { silenceMs: TUNNEL_SILENCE_MS, maxHoleMs: MAX_TUNNEL_HOLE_MS };
const MINUTE_MS = 60_000;
const TICKS_OF_TRAFFIC = 4;

export interface Violation {
  readonly rule: string;
  readonly atMs: number;
  readonly detail: string;
}

/** One direction of a pair. */
export interface Stream {
  readonly from: Machine;
  readonly to: Machine;
  /** First packet that waits for its delivery. */
  pendingMs: number | undefined;
  sinceDelivery: number;
  lastSentMs: number;
  /** Begin of this stretch of traffic. */
  activeMs: number;
  lastNoPathMs: number;
  /** While no relay helps: since when packets went directly without trouble. */
  directMs: number | undefined;
  lastDirectMs: number;
  /** When the engine last was to use a direct address. */
  directModeMs: number;
}

/** Reached hosts by `sender dst`: where a machine's datagrams really ended. */
export class Watch {
  readonly violations: Violation[] = [];
  readonly trace: string[] = [];
  readonly #nowMs: () => number;
  readonly #silenceMs: number;
  readonly #maxHoleMs: number;
  readonly #reached = new Map<string, string>();
  readonly #probes = new Map<number, number>();
  #minuteMs: number;
  /** The most that one machine sent in a minute. */
  maxProbes = 0;
  lastPacketMs = 0;
  /** When something last happened that calls for probes without a packet: a lie, a changed network, waking up. */
  lastProvokedMs = Number.NEGATIVE_INFINITY;

  constructor(nowMs: () => number, limits: { readonly silenceMs: number; readonly maxHoleMs: number }) {
    this.#nowMs = nowMs;
    this.#silenceMs = limits.silenceMs;
    this.#maxHoleMs = limits.maxHoleMs;
    this.#minuteMs = nowMs();
  }

  note(text: string): void {
    this.trace.push(`${(this.#nowMs() / 1_000).toFixed(2)} ${text}`);
    if (this.trace.length > 400) this.trace.shift();
  }

  violate(rule: string, detail: string): void {
    if (this.violations.some((known) => known.rule === rule)) return;
    this.violations.push({ rule, atMs: this.#nowMs(), detail });
    this.note(`VIOLATION ${rule}: ${detail}`);
  }

  reached({ origin }: Datagram, host: string): void {
    this.#reached.set(`${origin.host} ${origin.dst}`, host);
  }

  sent(machine: Machine, to: SockAddr, kind: 'disco' | 'data' | 'stun', peers: number): void {
    const nowMs = this.#nowMs();
    if (kind === 'stun') return;
    if (isForbidden(to))
      this.violate('forbidden-address', `m${machine.index} sent ${kind} to ${to.ip}:${to.port}`);
    if (kind === 'data') {
      this.lastPacketMs = nowMs;
      const owner = this.#reached.get(`m${machine.index} ${to.ip} ${to.port}`);
      if (owner === undefined)
        this.violate(
          'unproven-data',
          `m${machine.index} sent data to ${to.ip}:${to.port}, which nobody answered from`,
        );
      return;
    }
    if (nowMs - Math.max(this.lastPacketMs, this.lastProvokedMs) > this.#silenceMs)
      this.violate('idle-noise', `m${machine.index} probes ${to.ip}:${to.port} while nothing is sent`);
    const count = (this.#probes.get(machine.index) ?? 0) + 1;
    this.#probes.set(machine.index, count);
    this.maxProbes = Math.max(this.maxProbes, count);
    if (count > MAX_PROBES_PER_PEER * peers)
      this.violate('probe-storm', `m${machine.index} sent ${count} probes in a minute for ${peers} peers`);
  }

  /** The engine is told to use an address: a ping of ours must have reached that very peer there. */
  path(machine: Machine, peer: number, path: EnginePath): void {
    const { direct } = path;
    this.note(
      `m${machine.index}>m${peer} ${path.mode} ${direct === undefined ? '' : `${direct.ip}:${direct.port}`} r${path.relayRegion ?? 0}`,
    );
    const known = machine.engine.pathOf(idOf(peer)).direct;
    if (direct === undefined || (known?.ip === direct.ip && known.port === direct.port)) return;
    const owner = this.#reached.get(`m${machine.index} ${direct.ip} ${direct.port}`);
    if (owner !== `m${peer}`)
      this.violate(
        'unproven-path',
        `m${machine.index} uses ${direct.ip}:${direct.port} for m${peer}, where ${owner ?? 'nobody'} is`,
      );
  }

  /** Nobody may make our machines send more to someone else than they were sent in that one's name. */
  bystander(spoofedBytes: number, gotBytes: number): void {
    if (gotBytes > spoofedBytes) this.violate('amplification', `${gotBytes} bytes for ${spoofedBytes}`);
  }

  tick(): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#minuteMs < MINUTE_MS) return;
    this.#minuteMs = nowMs;
    this.#probes.clear();
  }

  /** No packet came for too long although one could have. */
  hole(stream: Stream, troubleMs: number, extraMs = 0): void {
    const nowMs = this.#nowMs();
    const { pendingMs, sinceDelivery, lastNoPathMs, from, to } = stream;
    if (pendingMs === undefined || sinceDelivery < TICKS_OF_TRAFFIC || nowMs - stream.lastSentMs > 1_000)
      return;
    const holeMs = nowMs - Math.max(pendingMs, lastNoPathMs, troubleMs);
    if (holeMs > this.#maxHoleMs + extraMs)
      this.violate(
        'black-hole',
        `m${from.index} to m${to.index}: nothing for ${Math.round(holeMs)} ms while a path exists`,
      );
  }
}
