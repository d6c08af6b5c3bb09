/**
 * What a simulated machine knows of the network under its tunnel: its addresses as STUN servers see them through its real
 * NATs, the kind of mapping, the home relay (nat-traversal.md §2, §5.2).
 */
import type { Clock, Random } from '#shared/async/clock.ts';
import { isTailnetIp, parseIp, type SockAddr } from '#shared/ip/address.ts';
import { decodeResponse, encodeRequest } from '#shared/stun/stun.ts';
import type { LocalEndpoints, MappingSample, NatView } from '../../magicsock/types.ts';
import { isV6 } from '../network/network.ts';
import { STUN_PORT } from '../network/stun-host.ts';
import { stunAddress } from '../network/world.ts';

export interface UnderlayDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Of the relay map as it is. */
  regions(): readonly number[];
  sendUdp(to: SockAddr, data: Uint8Array): void;
  /** Of interfaces that are up, with the port of the socket. */
  local(): readonly SockAddr[];
  /** The external address of a port that the router forwards on request. */
  mapped(): SockAddr | undefined;
  /** Round trip to a relay that would take us, over TCP; undefined when it would not. */
  relayTripMs(region: number): number | undefined;
  isActive(): boolean;
  /** Addresses or the home region are others than before. */
  changed(): void;
  setHome(region: number): void;
  /** Some promise of ours was just resolved. */
  awaited(): void;
}

interface Asked {
  readonly server: SockAddr;
  readonly region: number;
  readonly round: number;
}

/** §11.2 and §2.5: tries of one probe. */
const TRIES_MS = [0, 200, 500];
const ROUND_MS = 3_000;
const PERIOD_MS = 20_000;
/** How long a check of the relays takes. */
const HOME_CHECK_MS = 400;
/** Of a relay out of reach: asked last. */
const FAR_MS = 60_000;
const TX_ID_BYTES = 12;

export class ModelUnderlay {
  readonly #deps: UnderlayDeps;
  readonly #asked = new Map<string, Asked>();
  readonly #waiting = new Set<(list: LocalEndpoints) => void>();
  #samples: MappingSample[] = [];
  #fresh: MappingSample[] = [];
  #global6: SockAddr | undefined;
  #confirmedMs = Number.NEGATIVE_INFINITY;
  #round = 0;
  #answeredRound = 0;
  #hasAnyRound = false;
  #told = '';
  #home = 0;
  #nextId = 1;

  constructor(deps: UnderlayDeps) {
    this.#deps = deps;
  }

  get home(): number {
    return this.#home;
  }

  start(): void {
    this.chooseHome(0);
    this.#begin();
    this.#repeat();
  }

  endpoints(): LocalEndpoints {
    const { local, mapped, clock } = this.#deps;
    const list = [mapped(), ...this.#globals(), ...local().filter(isAdvertised)].filter(
      (addr) => addr !== undefined,
    );
    const seen = new Set<string>();
    const unique = list.filter(({ ip, port }) => !seen.has(`${ip} ${port}`) && seen.add(`${ip} ${port}`));
    return { list: unique, ageMs: clock.monotonic() - this.#confirmedMs };
  }

  refreshEndpoints(): Promise<LocalEndpoints> {
    const { promise, resolve } = Promise.withResolvers<LocalEndpoints>();
    this.#waiting.add(resolve);
    this.#begin();
    return promise;
  }

  nat(): NatView {
    const ports = this.#samples;
    const isKnown = new Set(ports.map(({ server }) => server.ip)).size > 1;
    const varies = new Set(ports.map(({ mapped }) => `${mapped.ip} ${mapped.port}`)).size > 1;
    return {
      varies: isKnown ? varies : undefined,
      ports,
      portMapped: this.#deps.mapped() !== undefined,
      udp: this.#hasAnyRound ? this.#answeredRound === this.#round || this.#samples.length > 0 : undefined,
    };
  }

  handleStun(data: Uint8Array): void {
    const answer = decodeResponse(data);
    const asked = answer === undefined ? undefined : this.#asked.get(keyOf(answer.txId));
    if (answer === undefined || asked === undefined) return;
    this.#asked.delete(keyOf(answer.txId));
    if (asked.round !== this.#round) return;
    this.#answeredRound = this.#round;
    this.#confirmedMs = this.#deps.clock.monotonic();
    if (isV6(answer.addr.ip)) this.#global6 = answer.addr;
    else if (!this.#fresh.some(({ server }) => server.ip === asked.server.ip)) {
      this.#fresh.push({ server: asked.server, mapped: answer.addr });
      this.#samples = this.#fresh;
    }
    this.#settle();
    this.#tell();
  }

  networkChanged(): void {
    this.#samples = [];
    this.#global6 = undefined;
    this.#confirmedMs = Number.NEGATIVE_INFINITY;
    this.#begin();
    this.chooseHome(HOME_CHECK_MS);
    this.#tell();
  }

  regionRemoved(region: number): void {
    if (region !== this.#home) return;
    this.#home = 0;
    this.homeLost();
  }

  /** nat-traversal.md §2.8: the network may be another one, and the home relay too. */
  homeLost(): void {
    this.#begin();
    this.chooseHome(HOME_CHECK_MS);
  }

  /** The nearest relay that takes us; the old one while it does. */
  chooseHome(afterMs: number): void {
    const { clock, regions, relayTripMs } = this.#deps;
    clock.after(afterMs, () => {
      let best = 0;
      for (const region of regions()) {
        const trip = relayTripMs(region);
        if (trip !== undefined && (best === 0 || trip < (relayTripMs(best) ?? 0))) best = region;
      }
      const isKept = this.#home !== 0 && relayTripMs(this.#home) !== undefined;
      if (best === 0 || isKept) return;
      this.#home = best;
      this.#deps.setHome(best);
      this.#tell();
    });
  }

  #globals(): SockAddr[] {
    const first = this.#samples[0]?.mapped;
    const found = first === undefined ? [] : [first];
    // A port that several servers saw is as good as the first (§5.2).
    for (const { mapped } of this.#samples)
      if (this.#samples.filter((other) => other.mapped.port === mapped.port).length > 1) found.push(mapped);
    if (this.#global6 !== undefined) found.push(this.#global6);
    const port = this.#deps.local()[0]?.port;
    if (first !== undefined && port !== undefined && this.nat().varies === true)
      found.push({ ip: first.ip, port });
    return found;
  }

  #begin(): void {
    this.#round += 1;
    this.#hasAnyRound = true;
    this.#fresh = [];
    this.#asked.clear();
    const round = this.#round;
    const { clock, regions } = this.#deps;
    const tripOf = (region: number): number => this.#deps.relayTripMs(region) ?? FAR_MS;
    const others = regions()
      .filter((region) => region !== this.#home)
      .sort((a, b) => tripOf(a) - tripOf(b));
    const servers = [this.#home, ...others].filter((region) => region !== 0).slice(0, 2);
    for (const delayMs of TRIES_MS)
      clock.after(delayMs, () => {
        if (round === this.#round) for (const region of servers) this.#ask(region, round);
      });
    clock.after(ROUND_MS, () => {
      if (round !== this.#round) return;
      if (this.#answeredRound !== round) this.#samples = [];
      this.#settle();
    });
  }

  #ask(region: number, round: number): void {
    for (const family of [4, 6] as const) {
      if (!this.#deps.local().some(({ ip }) => isV6(ip) === (family === 6))) continue;
      const server = { ip: stunAddress(region, family), port: STUN_PORT };
      if (this.#fresh.some((sample) => sample.server.ip === server.ip)) continue;
      const txId = new Uint8Array(TX_ID_BYTES);
      for (let i = 0; i < txId.length; i++) txId[i] = Math.floor(this.#deps.random() * 256);
      new DataView(txId.buffer).setUint32(0, this.#nextId++);
      this.#asked.set(keyOf(txId), { server, region, round });
      this.#deps.sendUdp(server, encodeRequest(txId));
    }
  }

  #settle(): void {
    if (this.#waiting.size === 0) return;
    const list = this.endpoints();
    for (const resolve of this.#waiting) resolve(list);
    this.#waiting.clear();
    this.#deps.awaited();
  }

  #tell(): void {
    const text = `${this.#home} ${this.endpoints()
      .list.map(({ ip, port }) => `${ip} ${port}`)
      .join()}`;
    if (text === this.#told) return;
    this.#told = text;
    this.#deps.changed();
  }

  /** §2.8: while there is traffic, just under the common NAT timeout. */
  #repeat(): void {
    const { clock, random, isActive } = this.#deps;
    clock.after(PERIOD_MS * (1 + 0.3 * random()), () => {
      if (isActive()) this.#begin();
      this.chooseHome(0);
      this.#repeat();
    });
  }
}

const keyOf = (txId: Uint8Array): string => txId.join();

function isAdvertised({ ip }: SockAddr): boolean {
  const bytes = parseIp(ip);
  return bytes !== undefined && !isTailnetIp(bytes);
}
