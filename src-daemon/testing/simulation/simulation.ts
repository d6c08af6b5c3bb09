/** One random network from start to end: machines, traffic, faults, and the watch over what must hold. */
import type { Random } from '#shared/async/clock.ts';
import { publicOf } from '#shared/crypto/x25519.ts';
import { nodeKeyFrom, type PrivateKey, privateKeyFrom } from '#shared/key/key.ts';
import { canMeet } from '../network/oracle.ts';
import { SimClock } from '../network/sim-clock.ts';
import { buildWorld, type World } from '../network/world.ts';
import { seeded } from '../wire.ts';
import { ModelControl } from './control.ts';
import type { ModelPacket } from './engine-port.ts';
import { applyFault, type FaultContext } from './faults.ts';
import { Hostile } from './hostile.ts';
import { idOf, Machine, type Tamper } from './machine.ts';
import { currentPlan, labelOf } from './now.ts';
import type { FlowPlan, SimulationPlan } from './plan.ts';
import { Relay } from './relays.ts';
import { MODEL_LIMITS, type Stream, searchLimitMs, TUNNEL_LIMITS, type Violation, Watch } from './watch.ts';

/** How one pair fared in its first search, while nothing was broken on purpose. */
export interface Meeting {
  /** Kinds of the two sides, sorted. */
  readonly kind: string;
  readonly isPossible: boolean;
  /** From the first packet until the sender has a direct path; undefined = it never had. */
  readonly directAfterMs: number | undefined;
}

export interface SimulationResult {
  readonly seed: number;
  readonly steps: number;
  readonly violations: readonly Violation[];
  readonly trace: readonly string[];
  readonly meetings: readonly Meeting[];
  readonly maxProbesPerMinute: number;
  readonly longestHoleMs: number;
  readonly delivered: number;
}

const CHECK_MS = 250;
/** Without a packet for this long the next one begins another stretch of traffic. */
const PAUSE_MS = 2_000;
const INSPECTED_MS = 2_500;
const LONG_SLEEP_MS = 30_000;
/** Of traffic at both ends of a long sleep. */
const MARGIN_MS = 5_000;

export interface SimulationOptions {
  readonly tamper?: Tamper | undefined;
  /** With the portable engine and WireGuard instead of the model: a tenth as fast. */
  readonly hasRealEngines?: boolean | undefined;
}

export async function simulate(
  plan: SimulationPlan,
  options: SimulationOptions = {},
): Promise<SimulationResult> {
  const simulation = new Simulation(plan, options);
  await simulation.run();
  return simulation.result();
}

class Simulation {
  readonly #plan: SimulationPlan;
  readonly #clock = new SimClock();
  readonly #random: Random;
  readonly #world: World;
  readonly #relays: Map<number, Relay>;
  readonly #machines: Machine[] = [];
  readonly #control: ModelControl;
  readonly #watch: Watch;
  readonly #hostile: Hostile;
  readonly #streams = new Map<string, Stream>();
  readonly #troubleMs: number[] = [];
  readonly #firstSentMs = new Map<FlowPlan, number>();
  readonly #directAtMs = new Map<FlowPlan, number>();
  readonly #possible = new Map<string, boolean>();
  readonly #work: Promise<void>[] = [];
  readonly #searchLimitMs: number;
  readonly #hasRealEngines: boolean;
  #worldVersion = 0;
  #isPaused = false;
  #skippedMs = 0;
  #delivered = 0;
  /** Events that are only the watch's own. */
  #ownSteps = 0;
  #longestHoleMs = 0;

  constructor(plan: SimulationPlan, { tamper, hasRealEngines = false }: SimulationOptions) {
    this.#plan = plan;
    this.#random = seeded(plan.seed ^ 0x5eed);
    this.#searchLimitMs = searchLimitMs(plan.world);
    this.#world = buildWorld(plan.world, this.#clock, this.#random);
    this.#hasRealEngines = hasRealEngines;
    this.#clock.isAlwaysAwaited = hasRealEngines;
    this.#watch = new Watch(() => this.#clock.monotonic(), hasRealEngines ? TUNNEL_LIMITS : MODEL_LIMITS);
    this.#world.network.onReached = (datagram, host) => {
      this.#watch.reached(datagram, host);
      this.#hostile.saw(datagram);
    };
    this.#relays = new Map(
      plan.world.relays.map(({ delayMs }, i) => [i + 1, new Relay(this.#clock, i + 1, delayMs)]),
    );
    for (const [index, machinePlan] of plan.world.machines.entries()) {
      this.#troubleMs.push(Number.NEGATIVE_INFINITY);
      const wireguardPrivate = hasRealEngines ? this.#newKey() : undefined;
      this.#machines.push(
        new Machine({
          clock: this.#clock,
          random: this.#random,
          world: this.#world,
          index,
          plan: machinePlan,
          nodeKey: nodeKeyFrom(wireguardPrivate === undefined ? this.#bytes() : publicOf(wireguardPrivate)),
          wireguardPrivate,
          discoPrivate: this.#newKey(),
          relays: this.#relays,
          tamper,
          events: {
            changed: () => this.#control.changed(),
            delivered: (machine, from, packet, isDirect) => this.#received(machine, from, packet, isDirect),
            sent: (machine, to, kind, bytes) => {
              this.#watch.sent(machine, to, kind, this.#machines.length);
              this.#hostile.sent(to, bytes);
            },
            path: (machine, peer, path) => {
              this.#watch.path(machine, peer, path);
              if (path.direct !== undefined) this.#noteDirect(machine.index, peer);
            },
          },
        }),
      );
    }
    for (const a of this.#machines)
      for (const b of this.#machines)
        if (a.index < b.index) {
          const token = Math.floor(this.#random() * 2 ** 32);
          a.meet(b, token);
          b.meet(a, token);
        }
    this.#control = new ModelControl(this.#clock, this.#machines, plan.controlDelayMs);
    this.#hostile = new Hostile({
      clock: this.#clock,
      random: this.#random,
      world: this.#world,
      machines: this.#machines,
      relays: this.#relays,
      control: this.#control,
      keys: [this.#newKey(), this.#newKey()],
      nodeKey: nodeKeyFrom(this.#bytes()),
      onAct: () => {
        this.#watch.lastProvokedMs = this.#clock.monotonic();
      },
    });
  }

  async run(): Promise<void> {
    const { flows, faults, durationMs } = this.#plan;
    for (const machine of this.#machines) await machine.start();
    this.#hostile.start();
    for (const flow of flows) this.#send(flow);
    this.#check();
    let atMs = 0;
    for (const timed of faults) {
      await this.#advance(timed.atMs - atMs);
      atMs = timed.atMs;
      const { fault } = timed;
      this.#watch.note(`fault ${JSON.stringify(fault)}`);
      applyFault(this.#context(), fault);
      if (fault.kind === 'sleep' && fault.forMs > LONG_SLEEP_MS) await this.#skip(fault.forMs);
      if (this.#watch.violations.length > 0) break;
    }
    if (this.#watch.violations.length === 0) await this.#advance(durationMs - atMs);
    this.#watch.bystander(this.#hostile.spoofedBytes, this.#hostile.victimBytes);
    for (const machine of this.#machines) await machine.close();
    await Promise.all(this.#work);
  }

  result(): SimulationResult {
    const meetings = this.#plan.flows.flatMap((flow): Meeting[] => {
      const sentMs = this.#firstSentMs.get(flow);
      if (sentMs === undefined) return [];
      const directMs = this.#directAtMs.get(flow);
      const kinds = [flow.from, flow.to].map((index) => labelOf(this.#plan.world, index)).sort();
      return [
        {
          kind: kinds.join(' x '),
          isPossible: canMeet(this.#plan.world, flow.from, flow.to),
          directAfterMs: directMs === undefined ? undefined : Math.max(0, directMs - sentMs),
        },
      ];
    });
    return {
      seed: this.#plan.seed,
      steps: this.#clock.steps - this.#ownSteps,
      violations: this.#watch.violations,
      trace: this.#watch.trace,
      meetings,
      maxProbesPerMinute: this.#watch.maxProbes,
      longestHoleMs: Math.round(this.#longestHoleMs),
      delivered: this.#delivered,
    };
  }

  async #advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      await this.#clock.advance(Math.min(left, 1_000));
      if (this.#watch.violations.length > 0) return;
    }
  }

  /** Nobody talks for most of a long sleep, or it would take an hour's work to simulate. */
  async #skip(forMs: number): Promise<void> {
    await this.#advance(MARGIN_MS);
    this.#isPaused = true;
    await this.#clock.advance(forMs - 2 * MARGIN_MS);
    this.#isPaused = false;
    await this.#advance(MARGIN_MS);
    this.#skippedMs += forMs;
  }

  #send(flow: FlowPlan): void {
    this.#clock.after(flow.everyMs, () => this.#send(flow));
    const nowMs = this.#clock.monotonic() - this.#skippedMs - FIRST_MS;
    const from = this.#machines[flow.from];
    const isOn = !this.#isPaused && flow.phases.some(({ fromMs, toMs }) => fromMs <= nowMs && nowMs < toMs);
    if (!isOn || from === undefined || from.host.isAsleep) {
      this.#ownSteps += 1;
      return;
    }
    if (!this.#firstSentMs.has(flow)) {
      this.#firstSentMs.set(flow, this.#clock.monotonic());
      if (from.engine.pathOf(idOf(flow.to)).direct !== undefined) this.#noteDirect(flow.from, flow.to);
    }
    this.#noteSent(flow.from, flow.to);
    from.send(flow.to, flow.kind);
  }

  #stream(from: number, to: number): Stream {
    const key = `${from} ${to}`;
    const known = this.#streams.get(key);
    if (known !== undefined) return known;
    const made: Stream = {
      from: this.#machines[from] as Machine,
      to: this.#machines[to] as Machine,
      pendingMs: undefined,
      sinceDelivery: 0,
      lastSentMs: Number.NEGATIVE_INFINITY,
      activeMs: 0,
      lastNoPathMs: Number.NEGATIVE_INFINITY,
      directMs: undefined,
      directModeMs: Number.NEGATIVE_INFINITY,
      lastDirectMs: Number.NEGATIVE_INFINITY,
    };
    this.#streams.set(key, made);
    return made;
  }

  #noteSent(from: number, to: number): void {
    const stream = this.#stream(from, to);
    const nowMs = this.#clock.monotonic();
    // A pause begins another stretch: what was lost before it is nobody's hole.
    if (nowMs - stream.lastSentMs > PAUSE_MS) {
      stream.activeMs = nowMs;
      stream.pendingMs = undefined;
      stream.sinceDelivery = 0;
    }
    stream.lastSentMs = nowMs;
    this.#watch.lastPacketMs = nowMs;
    stream.pendingMs ??= nowMs;
    stream.sinceDelivery += 1;
  }

  #received(machine: Machine, from: number, packet: ModelPacket, isDirect: boolean): void {
    const nowMs = this.#clock.monotonic();
    this.#delivered += 1;
    this.#watch.lastPacketMs = nowMs;
    if (packet.kind === 'echo') this.#noteSent(machine.index, from);
    const stream = this.#stream(from, machine.index);
    if (stream.pendingMs !== undefined && nowMs - stream.lastSentMs < PAUSE_MS) {
      const troubleMs = Math.max(this.#troubleOf(stream), stream.lastNoPathMs);
      this.#longestHoleMs = Math.max(this.#longestHoleMs, nowMs - Math.max(stream.pendingMs, troubleMs));
    }
    stream.pendingMs = undefined;
    stream.sinceDelivery = 0;
    if (isDirect) {
      stream.directMs ??= nowMs;
      stream.lastDirectMs = nowMs;
    }
  }

  #noteDirect(from: number, to: number): void {
    for (const flow of this.#plan.flows)
      if (flow.from === from && flow.to === to && this.#firstSentMs.has(flow) && !this.#directAtMs.has(flow))
        this.#directAtMs.set(flow, this.#clock.monotonic());
  }

  #troubleOf({ from, to }: Stream): number {
    return Math.max(this.#troubleMs[from.index] ?? 0, this.#troubleMs[to.index] ?? 0);
  }

  #check(): void {
    this.#clock.after(CHECK_MS, () => this.#check());
    this.#ownSteps += 1;
    this.#watch.tick();
    const nowMs = this.#clock.monotonic();
    for (const stream of this.#streams.values()) {
      if (nowMs - stream.lastSentMs > PAUSE_MS) {
        stream.directMs = undefined;
        continue;
      }
      if (!this.#hasPath(stream) || this.#isLostUnseen(stream)) stream.lastNoPathMs = nowMs;
      // Where data is lost and probes are not, a word by relay in between begins the patience of 3 s anew.
      const isInspected = stream.from.isInspected || stream.to.isInspected;
      this.#watch.hole(stream, this.#troubleOf(stream), isInspected ? INSPECTED_MS : 0);
      this.#expectDirect(stream);
    }
  }

  /** Whether a datagram could get there now: by relay, or by the direct way that worked until now. */
  #hasPath({ from, to, directMs, lastDirectMs }: Stream): boolean {
    if (from.host.isAsleep || to.host.isAsleep) return false;
    const nowMs = this.#clock.monotonic();
    const troubleMs = Math.max(this.#troubleMs[from.index] ?? 0, this.#troubleMs[to.index] ?? 0);
    const worksDirectly = directMs !== undefined && directMs > troubleMs && lastDirectMs > nowMs - 10_000;
    return worksDirectly || this.#isRelayed(from, to);
  }

  /** Data that nobody answers may be lost where probes are not, and its sender can't know before a keepalive is missed. */
  #isLostUnseen({ from, to, pendingMs }: Stream): boolean {
    const back = this.#streams.get(`${to.index} ${from.index}`);
    const wasAnswered =
      pendingMs !== undefined && back !== undefined && back.lastSentMs > pendingMs - PAUSE_MS;
    // The first words are no conversation yet.
    const wasTalk = wasAnswered && pendingMs - back.activeMs > 2 * PAUSE_MS;
    const inspected = [from, to].filter((machine) => machine.isInspected);
    // With two uplinks only one direction may be inspected: who is heard does not know that he hears no more.
    const isOneWay = inspected.some(({ host }) => host.uplinks().length > 1);
    return inspected.length > 0 && (!wasTalk || isOneWay);
  }

  #isRelayed(from: Machine, to: Machine): boolean {
    const region = from.relays.routeFor(to.nodeKey, from.knownHome(to.index));
    const relay = region === undefined ? undefined : this.#relays.get(region);
    if (region === undefined || relay?.state !== 'up' || !relay.isHere(to.nodeKey)) return false;
    const isOnline = (machine: Machine): boolean => machine.streamPath().delayMs !== undefined;
    return isOnline(from) && isOnline(to) && from.relays.isUsable(region) && to.relays.isUsable(region);
  }

  /** After calm in which a direct path could be found, it was. */
  #expectDirect(stream: Stream): void {
    const { from, to } = stream;
    const nowMs = this.#clock.monotonic();
    const { mode } = from.engine.pathOf(idOf(to.index));
    if (mode === 'direct' || mode === 'direct+relay') stream.directModeMs = nowMs;
    const calmMs = Math.max(
      this.#troubleOf(stream),
      stream.activeMs,
      stream.lastNoPathMs,
      stream.directModeMs,
    );
    if (nowMs - calmMs < this.#searchLimitMs || !this.#isRelayed(from, to) || !this.#isRelayed(to, from))
      return;
    // Without the coordination server nobody learns the key of a daemon that started anew.
    const knows = (a: Machine, b: Machine): boolean => a.knownDisco(b.index) === b.magicsock.discoKey;
    if (!knows(from, to) || !knows(to, from)) return;
    if (!this.#mayMeet(from.index, to.index)) return;
    const why = from.magicsock.pathOf(idOf(to.index)).why?.kind;
    // Where data was lost and probes were not, the next look comes after half a minute and more.
    if (why === 'control-only' && (from.wasInspected || to.wasInspected)) return;
    const pair = `m${from.index} to m${to.index}`;
    this.#watch.violate('no-direct-path', `${pair} stays ${mode} (${why}) though they could meet`);
  }

  #mayMeet(a: number, b: number): boolean {
    const key = `${Math.min(a, b)} ${Math.max(a, b)} ${this.#worldVersion}`;
    const known = this.#possible.get(key);
    if (known !== undefined) return known;
    const plan = currentPlan(this.#plan.world, this.#world);
    const isPossible = canMeet(plan, a, b) && canMeet(plan, b, a);
    this.#possible.set(key, isPossible);
    return isPossible;
  }

  #context(): FaultContext {
    return {
      hasRealEngines: this.#hasRealEngines,
      clock: this.#clock,
      random: this.#random,
      world: this.#world,
      machines: this.#machines,
      relays: this.#relays,
      control: this.#control,
      hostile: this.#hostile,
      newKey: () => this.#newKey(),
      trouble: (indices) => {
        this.#worldVersion += 1;
        this.#watch.lastProvokedMs = this.#clock.monotonic();
        for (const index of indices) this.#troubleMs[index] = this.#clock.monotonic();
      },
      work: (promise) => this.#work.push(promise),
    };
  }

  #newKey(): PrivateKey {
    return privateKeyFrom(this.#bytes());
  }

  #bytes(): Uint8Array {
    return Uint8Array.from({ length: 32 }, () => Math.floor(this.#random() * 256));
  }
}

/** The clock's first time, from which plans count. */
const FIRST_MS = new SimClock().monotonic();
