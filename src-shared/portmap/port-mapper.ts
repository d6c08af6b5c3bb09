/**
 * Asks the home router to forward a UDP port to us, and keeps it so: NAT-PMP, PCP or UPnP, whatever the router has
 * (nat-traversal.md §3). Nobody ever waits for it: what there is is told at once, what is missing is made in the background.
 */
import type { Clock, Random } from '../async/clock.ts';
import { toRhumbError } from '../errors.ts';
import { formatSockAddr, type SockAddr } from '../ip/address.ts';
import type { Log } from '../log/log.ts';
import { lanFetch } from '../node/lan-fetch.ts';
import { openLanGroup, openLanSocket } from '../node/lan-udp.ts';
import { isMappingGateway } from './addresses.ts';
import { Announcements } from './announcements.ts';
import {
  dueAtMs,
  type Effect,
  type Event,
  type IdleReason,
  isSameLink,
  linkOf,
  mappingOf,
  type State,
  step,
} from './machine.ts';
import { ANNOUNCE_PORT } from './nat-pmp.ts';
import { RouterServices } from './services.ts';
import type { Fetch, Gateway, Link, Mapping, OpenPortmapSocket, Services } from './types.ts';

export interface PortMapperDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The way out over IPv4 as it is now; undefined without one. Asked often: it has to be at hand. */
  readonly gateway: () => Gateway | undefined;
  /** What `mapped` gives is another thing now. */
  readonly changed: () => void;
  /** The system's by default. */
  readonly openUdp?: OpenPortmapSocket | undefined;
  readonly openAnnouncements?: OpenPortmapSocket | undefined;
  readonly fetch?: Fetch | undefined;
}

/** For people: where port mapping stands. */
export interface PortMapperStatus {
  readonly state: State;
  readonly services: Services;
}

/** So long is a probe waited for (nat-traversal.md §3.1). */
const PROBE_MS = 300;
/** So long may the making of a mapping take in all (nat-traversal.md §3.1). */
const BUDGET_MS = 5_000;
/** No router restarts more often. */
const RESTARTS_MS = 10_000;
/** So long is waited at the end for the router to take mappings back. */
const CLOSE_MS = 2_000;
/** All hosts (RFC 6886 §3.2.1). */
export const ANNOUNCE_GROUP: SockAddr = { ip: '224.0.0.1', port: ANNOUNCE_PORT };
const NO_SERVICES: Services = { pmp: false, pcp: false, upnp: false };

/** Work for the present state; what it makes after it was forsaken is released, or left. */
interface Job {
  readonly kind: 'probe' | 'create';
  readonly abort: AbortController;
  mayRelease: boolean;
}

export class PortMapper implements AsyncDisposable {
  readonly #deps: PortMapperDeps;
  readonly #log: Log;
  readonly #announcements: Announcements;
  /** Ends everything, after the releases of the end. */
  readonly #end = new AbortController();
  /** Ends what only asks, at once. */
  readonly #asking = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #phase: 'unasked' | 'wanted' | 'closed' = 'unasked';
  #state: State = { kind: 'idle', why: 'not-asked' };
  #services: RouterServices | undefined;
  #job: Job | undefined;
  #port = 0;
  #isDown = false;
  #cancelDue: (() => void) | undefined;
  #told: SockAddr | undefined;
  #restartedAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: PortMapperDeps) {
    this.#deps = deps;
    this.#log = deps.log;
    this.#announcements = new Announcements(
      deps.openAnnouncements ?? ((options) => openLanGroup(ANNOUNCE_GROUP, options)),
      this.#log,
      (protocol, epochS) => this.#services?.noteEpoch(protocol, epochS),
    );
  }

  /** The port that is to be reached; 0 for none. */
  setLocalPort(port: number): void {
    this.#port = port;
    this.#refresh();
  }

  /** The public address that leads to us, as far as it is known now; from the first call on one is looked for. */
  mapped(): SockAddr | undefined {
    if (this.#phase === 'unasked') this.#phase = 'wanted';
    this.#refresh();
    this.#step({ type: 'due' });
    this.#step({ type: 'wanted' });
    return this.#usable();
  }

  /** Which services the router has; what answered lately is not asked again. Takes a third of a second at most. */
  async probe(signal: AbortSignal): Promise<Services> {
    signal.throwIfAborted();
    this.#refresh();
    const gateway = this.#gateway();
    if (typeof gateway === 'string') return NO_SERVICES;
    const services = this.#servicesOf(gateway);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const gaveUp = (): void => reject(signal.reason);
    signal.addEventListener('abort', gaveUp, { once: true });
    // The asking itself is shared with others and may go on: late answers count next time.
    const cancel = this.#deps.clock.after(PROBE_MS, resolve);
    const failed = (error: unknown): void => (this.#phase === 'closed' ? resolve() : reject(error));
    this.#track(services.probe(this.#asking.signal).then(() => resolve(), failed));
    try {
      await promise;
      return services.known();
    } finally {
      cancel();
      signal.removeEventListener('abort', gaveUp);
    }
  }

  /** To be told of every major change and of waking up. While the network is down nothing can be released. */
  networkChanged(isDown: boolean): void {
    this.#isDown = isDown;
    const before = linkOf(this.#state);
    this.#refresh();
    if (before !== undefined && linkOf(this.#state) === before) this.#step({ type: 'doubt' });
  }

  state(): PortMapperStatus {
    return { state: this.#state, services: this.#services?.known() ?? NO_SERVICES };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#phase !== 'closed') {
      this.#phase = 'closed';
      this.#refresh();
      this.#asking.abort();
    }
    const cancel = this.#deps.clock.after(CLOSE_MS, () => this.#end.abort());
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    cancel();
    this.#end.abort();
    await this.#announcements.close();
  }

  /** Looks at what the mapping is to be for; a change of it begins anew. */
  #refresh(): void {
    const wanted = this.#wanted();
    const link = linkOf(this.#state);
    const isSame =
      typeof wanted === 'string'
        ? this.#state.kind === 'idle' && this.#state.why === wanted
        : isSameLink(link, wanted);
    if (isSame) return;
    const isCutOff = this.#isDown || wanted === 'no-gateway';
    this.#step({ type: 'link', link: wanted, mayRelease: !isCutOff });
  }

  #wanted(): Link | IdleReason {
    if (this.#phase === 'closed') return 'closed';
    if (this.#phase === 'unasked') return 'not-asked';
    const gateway = this.#gateway();
    if (typeof gateway === 'string') return gateway;
    return this.#port === 0 ? 'no-port' : { ...gateway, port: this.#port };
  }

  #gateway(): Gateway | IdleReason {
    if (this.#phase === 'closed') return 'closed';
    if (this.#isDown) return 'network-down';
    const found = this.#deps.gateway();
    if (found === undefined) return 'no-gateway';
    return isMappingGateway(found.gateway)
      ? { gateway: found.gateway, self: found.self }
      : 'gateway-out-of-range';
  }

  #servicesOf(gateway: Gateway): RouterServices {
    const known = this.#services;
    if (known?.gateway.gateway === gateway.gateway && known.gateway.self === gateway.self) return known;
    const services: RouterServices = new RouterServices(gateway, {
      clock: this.#deps.clock,
      random: this.#deps.random,
      openUdp: this.#deps.openUdp ?? openLanSocket,
      fetch: this.#deps.fetch ?? lanFetch,
      restarted: () => {
        const protocol = mappingOf(this.#state)?.protocol;
        if (this.#services !== services || protocol === undefined || protocol === 'upnp') return;
        // Anybody on the network can announce it in the router's name, as often as he likes.
        const nowMs = this.#deps.clock.monotonic();
        if (nowMs - this.#restartedAtMs < RESTARTS_MS) return;
        this.#restartedAtMs = nowMs;
        this.#log('info', 'portmap.router-restarted', { protocol });
        this.#step({ type: 'restarted' });
      },
    });
    this.#services = services;
    return services;
  }

  #step(event: Event): void {
    const { clock, random } = this.#deps;
    const [next, effects] = step(this.#state, event, { nowMs: clock.monotonic(), random });
    if (next === this.#state) return;
    this.#logChange(next);
    this.#state = next;
    for (const effect of effects) this.#do(effect);
    this.#plan();
    const mapping = mappingOf(next);
    const hasServer = mapping?.protocol === 'nat-pmp' || mapping?.protocol === 'pcp';
    this.#announcements.follow(hasServer ? linkOf(next) : undefined);
    this.#tell();
  }

  #plan(): void {
    const { clock } = this.#deps;
    const atMs = dueAtMs(this.#state);
    this.#cancelDue?.();
    this.#cancelDue =
      atMs === undefined
        ? undefined
        : clock.after(Math.max(1, Math.ceil(atMs - clock.monotonic())), () => this.#due());
  }

  #due(): void {
    // A renewal must not be for another address or port than the mapping was (nat-traversal.md §9.7).
    this.#refresh();
    this.#step({ type: 'due' });
    // Timers may be early by a moment, and then nothing was due yet.
    this.#plan();
    this.#tell();
  }

  #usable(): SockAddr | undefined {
    const mapping = mappingOf(this.#state);
    if (mapping === undefined || mapping.reach !== 'public') return undefined;
    return this.#deps.clock.monotonic() < mapping.goodUntilMs ? mapping.external : undefined;
  }

  #tell(): void {
    const usable = this.#usable();
    if (usable?.ip === this.#told?.ip && usable?.port === this.#told?.port) return;
    this.#told = usable;
    if (this.#phase !== 'closed') this.#deps.changed();
  }

  #logChange(next: State): void {
    const before = this.#state;
    if (next.kind === 'failed') this.#log('info', 'portmap.failed', { why: next.why, attempt: next.attempt });
    if (next.kind === 'mapped' && before.kind === 'creating') {
      const { protocol, external, reach } = next.mapping;
      this.#log('info', 'portmap.mapped', { protocol, external: formatSockAddr(external), reach });
    }
    if (mappingOf(before) !== undefined && mappingOf(next) === undefined && next.kind !== 'idle')
      this.#log('info', 'portmap.lost', { next: next.kind });
  }

  #do(effect: Effect): void {
    switch (effect.do) {
      case 'probe':
        this.#start('probe', (job) => this.#probeFor(effect.link, job));
        return;
      case 'create':
        this.#start('create', (job) => this.#create(effect.link, effect.wish, job));
        return;
      case 'release':
        this.#release(effect.link, effect.mapping);
        return;
      case 'forsake':
        this.#forsake(effect.mayRelease);
        return;
      default:
        effect satisfies never;
    }
  }

  #start(kind: Job['kind'], run: (job: Job) => Promise<void>): void {
    const job: Job = { kind, abort: new AbortController(), mayRelease: true };
    this.#job = job;
    this.#track(run(job));
  }

  #forsake(mayRelease: boolean): void {
    const job = this.#job;
    this.#job = undefined;
    if (job === undefined) return;
    job.mayRelease = mayRelease;
    // A mapping may be on its way: it is waited for, so that it can be released.
    if (job.kind === 'probe' || !mayRelease) job.abort.abort();
  }

  async #probeFor(link: Link, job: Job): Promise<void> {
    let services: Services;
    try {
      services = await this.#servicesOf(link).probe(this.#asking.signal);
    } catch (error) {
      if (this.#job === job) this.#step({ type: 'failed', why: toRhumbError(error).message });
      return;
    }
    if (this.#job === job) this.#step({ type: 'probed', services });
  }

  async #create(link: Link, wish: Mapping | undefined, job: Job): Promise<void> {
    const services = this.#servicesOf(link);
    const cancel = this.#deps.clock.after(BUDGET_MS, () => job.abort.abort());
    const signal = AbortSignal.any([job.abort.signal, this.#end.signal]);
    try {
      const outcome = await services.make(link, wish, signal);
      if (this.#job === job) {
        if (outcome.ok) this.#step({ type: 'created', mapping: outcome.mapping });
        else this.#step({ type: 'failed', why: outcome.why, retryAfterS: outcome.retryAfterS });
      } else if (outcome.ok && job.mayRelease) {
        await services.release(link, outcome.mapping, this.#end.signal);
      }
    } catch (error) {
      const why = signal.aborted ? 'the router took too long' : toRhumbError(error).message;
      if (this.#job === job) this.#step({ type: 'failed', why });
      else this.#log('debug', 'portmap.forsaken', { why });
    } finally {
      cancel();
    }
  }

  #release(link: Link, mapping: Mapping): void {
    const { protocol, external } = mapping;
    this.#log('info', 'portmap.released', { protocol, external: formatSockAddr(external) });
    const releasing = this.#servicesOf(link).release(link, mapping, this.#end.signal);
    this.#track(
      releasing.catch((error: unknown) => {
        this.#log('info', 'portmap.release-failed', { protocol, error: toRhumbError(error).message });
      }),
    );
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#underWay.delete(tracked));
    this.#underWay.add(tracked);
  }
}
