/** Runs attempts at getting through hard NATs: when to try, with which sockets, and whose socket lives on. */
import type { Clock } from '#shared/async/clock.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import { isPublic4, keyOf } from './candidate.ts';
import { Deadlines } from './deadlines.ts';
import { isTrusted } from './path-draft.ts';
import { socketsInUse } from './path-machine.ts';
import { type PathEvent, type PathState, SEARCHED_MS } from './path-types.ts';
import { spreadPorts } from './predict.ts';
import {
  EASY_AGAIN_MS,
  EASY_PAUSE_MS,
  guessAt,
  HARD_AGAIN_MS,
  HARD_PAUSE_MS,
  LISTED_GUESSES,
  MAX_GUESSES,
  openAt,
  type Punch,
  type PunchEffect,
  peerOf,
  punchOn,
  REST,
  SOCKETS,
  stop,
} from './punch.ts';
import { looksHard } from './reason.ts';
import type { LocalEndpoints, NatView, PeerId, SocketId } from './types.ts';

/** A call that lists so many ports beyond the ordinary is one with guesses. */
const MIN_GUESSES = 32;

const NONE: ReadonlySet<SocketId> = new Set();

export interface PuncherDeps {
  readonly clock: Clock;
  readonly log: Log;
  nowMs(): number;
  /** In [0, 1). */
  random(): number;
  nat(): NatView;
  endpoints(): LocalEndpoints;
  openSocket(id: SocketId, family: 4 | 6): void;
  closeSocket(id: SocketId): void;
  step(peer: PeerId, event: PathEvent): void;
  stateOf(peer: PeerId): PathState | undefined;
  call(peer: PeerId, guesses: readonly SockAddr[]): void;
}

export class Puncher {
  readonly #deps: PuncherDeps;
  readonly #deadlines: Deadlines<'punch'>;
  /** From when on another attempt may be made for a peer: by opening ports here, by guessing ports there. */
  readonly #openFrom = new Map<PeerId, number>();
  readonly #guessFrom = new Map<PeerId, number>();
  /** Sockets that are left of an attempt. */
  readonly #kept = new Map<PeerId, Set<SocketId>>();
  #punch: Punch = REST;
  #nextSocket = 1;

  constructor(deps: PuncherDeps) {
    this.#deps = deps;
    const { clock, nowMs } = deps;
    this.#deadlines = new Deadlines({ clock, nowMs: () => nowMs(), due: () => this.#due() });
  }

  /** While our guesses are with the peer an ordinary call would take them away again. */
  isCalling(peer: PeerId): boolean {
    return this.#punch.kind !== 'guessing' && peerOf(this.#punch) === peer;
  }

  /** The peer's machine has taken a step. */
  stepped(peer: PeerId, state: PathState): void {
    const punch = this.#punch;
    if (peerOf(punch) === peer && isTrusted(state.best, this.#deps.nowMs())) {
      this.#deps.log('info', 'punch.through', { peer });
      // A path that lives for a while and dies then is worth another attempt.
      const nowMs = this.#deps.nowMs();
      if (this.isCalling(peer)) this.#openFrom.set(peer, nowMs + HARD_AGAIN_MS);
      else this.#guessFrom.set(peer, nowMs + EASY_AGAIN_MS);
      this.#end(punch, peer, state);
    }
    const kept = this.#kept.get(peer);
    if (kept === undefined) return;
    const used = socketsInUse(state);
    for (const via of [...kept]) if (!used.has(via)) this.#close(peer, via);
  }

  /** The peer's search goes on: perhaps it is time for more. */
  consider(peer: PeerId, state: PathState): void {
    const { nat, nowMs, log } = this.#deps;
    const { search, best } = state;
    if (this.#punch.kind !== 'rest' || search.kind !== 'on' || best.kind !== 'none') return;
    if (state.told.mode !== 'relay' || nowMs() - search.sinceMs < SEARCHED_MS) return;
    const { varies, portMapped } = nat();
    const ownIp = this.#ownIp();
    if (varies !== true || portMapped || ownIp === undefined) return;
    if (nowMs() < (this.#openFrom.get(peer) ?? 0)) return;
    const candidates = [...state.candidates.values()].filter(({ addr }) => isPublic4(addr));
    const target = candidates.find(({ inCall }) => inCall) ?? candidates[0];
    // A peer behind our own NAT is not found by having it opened. Two such NATs would both have to guess.
    if (target === undefined || target.addr.ip === ownIp || looksHard(candidates.map(({ addr }) => addr)))
      return;
    this.#openFrom.set(peer, nowMs() + HARD_PAUSE_MS);
    log('info', 'punch.open', { peer, to: keyOf(target.addr), sockets: SOCKETS });
    const first = this.#nextSocket;
    this.#nextSocket += SOCKETS;
    this.#run([openAt(peer, target.addr, first, nowMs()), []]);
  }

  /** What the peer's call listed beyond the ordinary. */
  called(peer: PeerId, state: PathState, beyond: readonly SockAddr[]): void {
    const { nat, nowMs, log, random } = this.#deps;
    const first = beyond[0];
    if (first === undefined || beyond.length < MIN_GUESSES || this.#punch.kind !== 'rest') return;
    if (!isPublic4(first) || beyond.some(({ ip }) => ip !== first.ip) || nat().varies === true) return;
    if (isTrusted(state.best, nowMs()) || first.ip === this.#ownIp()) return;
    if (nowMs() < (this.#guessFrom.get(peer) ?? 0)) return;
    this.#guessFrom.set(peer, nowMs() + EASY_PAUSE_MS);
    const listed = beyond.slice(0, LISTED_GUESSES);
    const known = new Set(listed.map(({ port }) => port));
    const count = MAX_GUESSES - listed.length;
    const more = spreadPorts({ known: [], count, random: random() })
      .filter((port) => !known.has(port))
      .map((port) => ({ ip: first.ip, port }));
    const queue = [...listed, ...more];
    log('info', 'punch.guess', { peer, at: first.ip, guesses: queue.length });
    this.#run([guessAt(peer, queue, nowMs()), []]);
  }

  forget(peer: PeerId): void {
    if (peerOf(this.#punch) === peer) this.#run(stop(this.#punch, NONE));
    this.#closeAll(peer);
    this.#openFrom.delete(peer);
    this.#guessFrom.delete(peer);
  }

  /** Every extra socket belongs to the network that was. */
  networkChanged(): void {
    this.#run(stop(this.#punch, NONE));
    for (const peer of [...this.#kept.keys()]) this.#closeAll(peer);
    this.#openFrom.clear();
    this.#guessFrom.clear();
  }

  close(): void {
    this.#deadlines.close();
    this.#run(stop(this.#punch, NONE));
    for (const peer of [...this.#kept.keys()]) this.#closeAll(peer);
  }

  #due(): void {
    const peer = peerOf(this.#punch);
    const state = peer === undefined ? undefined : this.#deps.stateOf(peer);
    if (this.#punch.kind === 'waiting' && peer !== undefined && state !== undefined)
      this.#end(this.#punch, peer, state);
    else this.#run(punchOn(this.#punch, this.#deps.nowMs(), NONE));
  }

  #end(punch: Punch, peer: PeerId, state: PathState): void {
    const used = socketsInUse(state);
    if (used.size > 0) this.#kept.set(peer, new Set([...(this.#kept.get(peer) ?? []), ...used]));
    this.#run(stop(punch, used));
  }

  #run([punch, effects]: readonly [Punch, readonly PunchEffect[]]): void {
    const peer = peerOf(this.#punch) ?? peerOf(punch);
    this.#punch = punch;
    this.#deadlines.set('punch', punch.kind === 'rest' ? undefined : punch.nextAtMs);
    if (peer !== undefined) for (const effect of effects) this.#perform(peer, effect);
  }

  #perform(peer: PeerId, effect: PunchEffect): void {
    switch (effect.do) {
      case 'open':
        this.#deps.openSocket(effect.via, 4);
        break;
      case 'close':
        this.#deps.closeSocket(effect.via);
        this.#deps.step(peer, { type: 'socket-closed', via: effect.via });
        break;
      case 'ping':
        this.#deps.step(peer, { type: 'guess', routes: effect.routes });
        break;
      case 'call':
        this.#deps.call(peer, this.#guesses());
        break;
      default:
        effect satisfies never;
    }
  }

  #guesses(): readonly SockAddr[] {
    const ip = this.#ownIp();
    if (ip === undefined) return [];
    const known = this.#deps
      .nat()
      .ports.filter(({ mapped }) => mapped.ip === ip)
      .map(({ mapped }) => mapped.port);
    const ports = spreadPorts({ known, count: LISTED_GUESSES, random: this.#deps.random() });
    return ports.map((port) => ({ ip, port }));
  }

  /** Our public address. */
  #ownIp(): string | undefined {
    const mapped = this.#deps.nat().ports.map((sample) => sample.mapped);
    return [...mapped.toReversed(), ...this.#deps.endpoints().list].find(isPublic4)?.ip;
  }

  #closeAll(peer: PeerId): void {
    for (const via of [...(this.#kept.get(peer) ?? [])]) this.#close(peer, via);
  }

  #close(peer: PeerId, via: SocketId): void {
    const kept = this.#kept.get(peer);
    kept?.delete(via);
    if (kept?.size === 0) this.#kept.delete(peer);
    this.#deps.closeSocket(via);
    this.#deps.step(peer, { type: 'socket-closed', via });
  }
}
