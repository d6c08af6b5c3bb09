/** One path machine per peer: steps it, carries out what it asks for, and wakes it when its time comes. */
import { toHex } from '#shared/bytes/hex.ts';
import { TX_ID_LENGTH } from '#shared/disco/fields.ts';
import { RhumbError } from '#shared/errors.ts';
import { formatSockAddr, type SockAddr } from '#shared/ip/address.ts';
import { shortKey } from '#shared/key/key.ts';
import { TokenBucket } from '../disco/limit.ts';
import { mayBePeer, PingBudget } from './budget.ts';
import { Caller } from './caller.ts';
import { keyOf } from './candidate.ts';
import { Deadlines } from './deadlines.ts';
import type { DiscoLink } from './link.ts';
import { probeSizes } from './mtu.ts';
import { isAt } from './path-draft.ts';
import { initialPath, step, wakeAt } from './path-machine.ts';
import * as path from './path-types.ts';
import { type Peer, PeerTable } from './peer-table.ts';
import { nextPorts } from './predict.ts';
import { Puncher } from './puncher.ts';
import { Requests } from './requests.ts';
import type { Activity, EnginePath, MagicsockDeps, PeerConfig, PeerId, SocketId } from './types.ts';
import { configurePlain, initialPlain, type PlainState, plainTick } from './wireguard-only.ts';

/** Ports of a counting NAT that follow the last one seen. */
const NEXT_PORTS = 16;

/** An honest peer calls each few seconds, and again when its addresses change. Each call may take a millisecond. */
const CALLS = { perSecond: 2, burst: 10 };

const NO_WORDS: Omit<Activity, 'peer'> = { lastTxAny: 0, lastRxAny: 0, rxBestAt: 0, unansweredSince: 0 };

interface KeeperParts {
  readonly link: DiscoLink;
  random(length: number): Uint8Array;
  /** A timer came so late that the machine must have slept. */
  woke(lateMs: number): void;
}

export class PathKeeper {
  readonly peers = new PeerTable();
  readonly requests = new Requests();
  readonly caller: Caller;
  readonly puncher: Puncher;
  readonly #deps: MagicsockDeps;
  readonly #parts: KeeperParts;
  readonly #budget = new PingBudget();
  readonly #deadlines: Deadlines<PeerId>;

  constructor(deps: MagicsockDeps, parts: KeeperParts) {
    this.#deps = deps;
    this.#parts = parts;
    const { clock } = deps;
    const nowMs = (): number => deps.nowMs();
    this.#deadlines = new Deadlines({
      clock,
      nowMs,
      due: (ids) => this.#due(ids),
      late: (ms) => parts.woke(ms),
    });
    const shared = { clock, log: deps.log, nowMs, endpoints: () => deps.endpoints() };
    this.caller = new Caller({
      ...shared,
      refreshEndpoints: () => deps.refreshEndpoints(),
      send: (peer, list) => {
        if (!this.puncher.isCalling(peer)) this.#sendCall(peer, [...list, ...this.#nextPorts()]);
      },
      isWanted: (peer) => this.stateOf(peer)?.search.kind === 'on',
    });
    this.puncher = new Puncher({
      ...shared,
      nat: () => deps.nat(),
      random: () => fraction(parts.random(4)),
      openSocket: (id, family) => deps.openSocket(id, family),
      closeSocket: (id) => deps.closeSocket(id),
      step: (peer, event) => this.step(peer, event),
      stateOf: (peer) => this.stateOf(peer),
      call: (peer, guesses) => this.#sendCall(peer, [...deps.endpoints().list, ...guesses]),
    });
  }

  close(): void {
    this.#deadlines.close();
    this.caller.close();
    this.puncher.close();
    for (const id of this.peers.ids()) this.drop(id);
  }

  stateOf(id: PeerId): path.PathState | undefined {
    const machine = this.peers.get(id)?.machine;
    return machine?.kind === 'disco' ? machine.state : undefined;
  }

  configure(config: PeerConfig): void {
    const { peer: id, discoKey } = config;
    const kind = config.wireguardOnly ? 'plain' : 'disco';
    const known = this.peers.get(id);
    // Under another node key a machine that runs on is where it was: its disco key says that it does.
    const isKept =
      known !== undefined &&
      known.machine.kind === kind &&
      (known.config.nodeKey === config.nodeKey ||
        (discoKey !== undefined && known.config.discoKey === discoKey));
    const before = isKept ? known.config : undefined;
    const peer: Peer = isKept
      ? known
      : {
          config,
          calls: new TokenBucket(CALLS),
          machine: kind === 'plain' ? { kind, state: initialPlain } : { kind, state: initialPath() },
        };
    peer.config = config;
    this.peers.set(id, peer);
    if (before?.discoKey !== undefined && before.discoKey !== discoKey) this.step(id, { type: 'restarted' });
    const isSame =
      before !== undefined &&
      isSameList(before.endpoints, config.endpoints) &&
      before.homeRegion === config.homeRegion &&
      (before.discoKey === undefined) === (discoKey === undefined);
    if (isSame) return;
    if (peer.machine.kind === 'plain')
      this.setPlain(peer, configurePlain(peer.machine.state, config.endpoints, this.#deps.nowMs()));
    else this.step(id, { type: 'configure', endpoints: discoKey === undefined ? [] : config.endpoints });
  }

  drop(id: PeerId): void {
    this.puncher.forget(id);
    this.peers.delete(id);
    this.#deadlines.delete(id);
    this.caller.forget(id);
    this.#budget.forget(id);
    this.requests.left(id);
  }

  step(id: PeerId, event: path.PathEvent): void {
    if (event.type === 'socket-closed' && !leadsVia(this.stateOf(id), event.via)) return;
    this.finish(id, this.advance(id, event));
  }

  advance(id: PeerId, event: path.PathEvent): readonly path.PathEffect[] {
    const peer = this.peers.get(id);
    if (peer?.machine.kind !== 'disco') return [];
    const nowMs = this.#deps.nowMs();
    const { endpoints, options } = this.#deps;
    const context: path.PathContext = {
      nowMs,
      newTxId: () => toHex(this.#parts.random(TX_ID_LENGTH)),
      relay: () => this.relayOf(peer),
      mayPing: (to) => mayBePeer(to, endpoints().list) && this.#budget.take(id, nowMs),
      probeSizes: ({ ip }) => (options?.pathMtuDiscovery === true ? probeSizes(ip) : []),
    };
    const [state, effects] = step(peer.machine.state, event, context);
    peer.machine.state = state;
    this.#deadlines.set(id, wakeAt(state, nowMs));
    return effects;
  }

  /** What a step asked for, and what follows from the state it led to. */
  finish(id: PeerId, effects: readonly path.PathEffect[]): void {
    this.#perform(id, effects);
    const state = this.stateOf(id);
    if (state === undefined) return;
    this.puncher.stepped(id, state);
    if (state.search.kind === 'on' && this.isPredicting) this.puncher.consider(id, state);
  }

  setPlain(peer: Peer, state: PlainState): void {
    if (peer.machine.kind !== 'plain') return;
    const before = peer.machine.state.current;
    peer.machine.state = state;
    if (state.current !== before) this.#setPath(peer, toldOf(peer), true);
    this.#deadlines.set(peer.config.peer, state.checkAtMs);
  }

  relayOf({ config }: Peer): number | undefined {
    const home = config.homeRegion === 0 ? undefined : config.homeRegion;
    return this.#deps.relayFor(config.nodeKey, home);
  }

  /** Whether the user lets us guess ports. */
  get isPredicting(): boolean {
    return this.#deps.options?.portPrediction !== false;
  }

  #perform(id: PeerId, effects: readonly path.PathEffect[]): void {
    const peer = this.peers.get(id);
    if (peer === undefined) return;
    for (const effect of effects) {
      switch (effect.do) {
        case 'ping':
          this.#parts.link.ping(peer.config, effect.to, effect);
          break;
        case 'pong':
          this.#parts.link.pong(peer.config, effect.to, effect.txId);
          break;
        case 'path':
          this.#setPath(peer, effect.path, effect.isNews);
          break;
        case 'call':
          if (!this.puncher.isCalling(id) && peer.config.discoKey !== undefined)
            this.caller.call(id, effect.afresh);
          break;
        case 'met':
          this.#deps.met(id);
          break;
        case 'answer':
          this.requests.answered(effect.ticket, effect.from, effect.latencyMs);
          break;
        case 'no-candidates':
          this.requests.failed(
            effect.ticket,
            new RhumbError('unavailable', 'no address of this machine is known yet'),
          );
          break;
        default:
          effect satisfies never;
      }
    }
  }

  /**
   * The list that the peer's next pings go to. Under which address it sees us must stay in it: official peers drop what an
   * earlier call listed and this one does not, be it the address in use.
   */
  #sendCall(id: PeerId, list: readonly SockAddr[]): void {
    const peer = this.peers.get(id);
    const region = peer === undefined ? undefined : this.relayOf(peer);
    if (peer?.machine.kind !== 'disco' || region === undefined) return;
    const { candidates, best } = peer.machine.state;
    const heardFromMs = this.#deps.nowMs() - path.HEARD_MS;
    const seen = [...candidates.values()]
      .filter(
        (candidate) =>
          candidate.via !== 0 ||
          (best.kind === 'direct' && isAt(best, candidate)) ||
          (candidate.heardAtMs ?? Number.NEGATIVE_INFINITY) >= heardFromMs,
      )
      .flatMap(({ seenAs }) => seenAs ?? []);
    const endpoints = new Map([...seen, ...list].map((addr) => [keyOf(addr), addr]));
    this.#parts.link.call(peer.config, region, [...endpoints.values()]);
  }

  #setPath({ config }: Peer, next: EnginePath, isNews: boolean): void {
    this.#deps.setPath(config.peer, next);
    if (!isNews) return;
    const { direct, relayRegion: region } = next;
    const to = direct === undefined ? undefined : formatSockAddr(direct);
    this.#deps.log('info', `path.${next.mode}`, { peer: shortKey(config.nodeKey), to, region });
  }

  #nextPorts(): readonly SockAddr[] {
    const { varies, ports, portMapped } = this.#deps.nat();
    return this.isPredicting && varies === true && !portMapped ? nextPorts(ports, NEXT_PORTS) : [];
  }

  #due(ids: readonly PeerId[]): void {
    const activity = new Map(this.#deps.activity(ids).map((words) => [words.peer, words]));
    for (const id of ids) {
      const peer = this.peers.get(id);
      const words = activity.get(id) ?? { peer: id, ...NO_WORDS };
      if (peer?.machine.kind === 'plain')
        this.setPlain(peer, plainTick(peer.machine.state, words, this.#deps.nowMs()));
      else this.step(id, { type: 'tick', words });
    }
  }
}

/** What the engine was told last. */
export function toldOf({ machine }: Peer): EnginePath {
  if (machine.kind === 'disco') return machine.state.told;
  const { current } = machine.state;
  return current === undefined ? { mode: 'none' } : { mode: 'direct', direct: current };
}

const leadsVia = (state: path.PathState | undefined, via: SocketId): boolean =>
  state !== undefined && [...state.candidates.values()].some((candidate) => candidate.via === via);

/** Four random bytes as a number in [0, 1). */
const fraction = (bytes: Uint8Array): number =>
  bytes.reduce((sum, byte) => sum * 256 + byte, 0) / 256 ** bytes.length;

const isSameList = (a: readonly SockAddr[], b: readonly SockAddr[]): boolean =>
  a === b || (a.length === b.length && a.every((addr, i) => isSameAddr(addr, b[i])));
const isSameAddr = (a: SockAddr, b: SockAddr | undefined): boolean => a.ip === b?.ip && a.port === b.port;
