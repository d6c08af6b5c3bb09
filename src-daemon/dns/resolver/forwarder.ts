/** Questions that others must answer: equal ones asked once, only so many at a time, answers kept (§7.5). */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Attempt, Server } from './attempts.ts';
import { Cache } from './cache.ts';
import { deliver } from './deliver.ts';
import { DohClients } from './doh.ts';
import { askedSize, clampSize } from './edns.ts';
import { type Asked, askPlainly, type ExchangeDeps } from './exchange.ts';
import type { Question } from './question.ts';
import { type Outcome, race } from './race.ts';
import { codeReply } from './reply.ts';
import type { Response } from './response.ts';
import type { ResolverDeps, Transport } from './types.ts';
import { Class, Flag, Rcode, Type } from './wire.ts';

export interface ForwardRequest {
  readonly query: Uint8Array;
  readonly question: Question;
  readonly transport: Transport;
  /** Whom to ask, with a name for that choice: equal names, equal servers. */
  readonly attempts: readonly Attempt[];
  readonly group: string;
  /** Asked for another machine: those leave room for this one's own questions. */
  readonly isForPeer: boolean;
  /** Told how it went, for health. */
  readonly settled?: ((outcome: Outcome) => void) | undefined;
}

export interface ForwardCounters {
  forwarded: number;
  coalesced: number;
  cached: number;
  failed: number;
  refused: number;
}

interface Flight {
  readonly outcome: Promise<Outcome>;
  waiters: number;
}

const MAX_FLIGHTS = 256;
const MAX_PEER_FLIGHTS = 128;
/** Of one question; each is a promise and a query of some client. */
const MAX_WAITERS = 256;
const OVERALL_MS = 10_000;
const LATE = new RhumbError('timeout', 'no server answered in time');
const ENDED = new RhumbError('unavailable', 'the resolver has ended');

export class Forwarder implements AsyncDisposable {
  readonly counters: ForwardCounters = { forwarded: 0, coalesced: 0, cached: 0, failed: 0, refused: 0 };
  readonly #clock: Clock;
  readonly #exchange: ExchangeDeps;
  readonly #doh: DohClients;
  readonly #cache = new Cache();
  readonly #flights = new Map<string, Flight>();
  /** Of what is under way. */
  readonly #waits = new Set<AbortController>();
  /** Of what is cached and under way; another number, other servers or another way to them. */
  #generation = 0;
  #underWay = 0;
  #peersUnderWay = 0;
  #marks: (ip: string) => boolean = () => false;

  constructor(deps: ResolverDeps) {
    const { clock, sockets, randomId, resolveHost, ca } = deps;
    this.#clock = clock;
    this.#exchange = { clock, sockets, randomId, marks: (ip) => this.#marks(ip) };
    this.#doh = new DohClients({ ...this.#exchange, resolveHost, ca });
  }

  /** Forgets everything that came by another way. */
  flush(marks?: (ip: string) => boolean): void {
    if (marks !== undefined) this.#marks = marks;
    this.#generation++;
    this.#flights.clear();
    this.#cache.clear();
    this.#doh.flush();
  }

  get cacheSize(): number {
    return this.#cache.size;
  }

  /** What was answered before, if it still holds. */
  cached(request: ForwardRequest): Uint8Array | undefined {
    const key = cacheKey(request);
    const hit = key === undefined ? undefined : this.#cache.get(key, this.#clock.monotonic());
    if (hit === undefined) return undefined;
    this.counters.cached++;
    const { query, question, transport } = request;
    return deliver(hit.kept, query, question, { transport, agedS: hit.agedS, isOurOpt: true });
  }

  /** Never rejects, unless `signal` aborts. */
  async forward(request: ForwardRequest, signal: AbortSignal): Promise<Uint8Array> {
    const { query, question, transport } = request;
    const key = cacheKey(request);
    const flight = this.#flight(request, key);
    if (flight === undefined) {
      this.counters.refused++;
      return codeReply(query, question, Rcode.Refused);
    }
    flight.waiters++;
    try {
      const outcome = await orAborted(flight.outcome, signal);
      if (outcome.response === undefined) return codeReply(query, question, Rcode.ServFail);
      return deliver(outcome.response, query, question, { transport, agedS: 0, isOurOpt: false });
    } finally {
      flight.waiters--;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const wait of this.#waits) wait.abort(ENDED);
    this.flush();
    await this.#doh[Symbol.asyncDispose]();
  }

  /** An own one, or that of somebody who asks the same in the same way; undefined when there are too many. */
  #flight(request: ForwardRequest, key: string | undefined): Flight | undefined {
    const { question, transport } = request;
    // With another EDNS size or over another protocol the same question may have another answer.
    const flightKey = key === undefined ? undefined : `${transport}${askedSize(question)} ${key}`;
    const known = flightKey === undefined ? undefined : this.#flights.get(flightKey);
    if (known !== undefined && known.waiters < MAX_WAITERS) {
      this.counters.coalesced++;
      return known;
    }
    const isFull =
      this.#underWay >= MAX_FLIGHTS || (request.isForPeer && this.#peersUnderWay >= MAX_PEER_FLIGHTS);
    if (known !== undefined || isFull) return undefined;
    const flight: Flight = { outcome: this.#ask(request, key), waiters: 0 };
    if (flightKey !== undefined) {
      this.#flights.set(flightKey, flight);
      const landed = (): void => {
        if (this.#flights.get(flightKey) === flight) this.#flights.delete(flightKey);
      };
      flight.outcome.then(landed, landed);
    }
    return flight;
  }

  async #ask(request: ForwardRequest, key: string | undefined): Promise<Outcome> {
    const { query, question, transport, attempts, isForPeer } = request;
    const generation = this.#generation;
    const wait = new AbortController();
    this.#waits.add(wait);
    const cancel = this.#clock.after(OVERALL_MS, () => wait.abort(LATE));
    const asked: Asked = { query: clampSize(query, question), question, transport };
    this.#underWay++;
    if (isForPeer) this.#peersUnderWay++;
    this.counters.forwarded++;
    try {
      const outcome = await race(
        attempts,
        (server, stop) => this.#askOne(server, asked, stop),
        this.#clock,
        wait.signal,
      );
      if (generation === this.#generation) {
        if (outcome.kind === 'answer' && key !== undefined)
          this.#cache.put(key, outcome.response, this.#clock.monotonic());
        request.settled?.(outcome);
      }
      if (outcome.kind === 'failed') this.counters.failed++;
      return outcome;
    } finally {
      this.#underWay--;
      if (isForPeer) this.#peersUnderWay--;
      this.#waits.delete(wait);
      cancel();
    }
  }

  #askOne(server: Server, asked: Asked, signal: AbortSignal): Promise<Response> {
    return server.kind === 'plain'
      ? askPlainly(server.addr, asked, this.#exchange, signal)
      : this.#doh.ask(server, asked, signal);
  }
}

/** Types that are no data but instructions (RFC 6895 §3.1) have no answers that could be kept. */
const isData = (type: number): boolean => type < 128 && type !== Type.OPT;

/** Equal for those who must get equal answers; undefined for a question that is like no other. */
function cacheKey({ question, group }: ForwardRequest): string | undefined {
  const { name, type, flags, edns, isPlain } = question;
  const isUsual = isPlain && question.class === Class.IN && isData(type) && (flags & Flag.RD) !== 0;
  if (!isUsual) return undefined;
  const bits = (flags & (Flag.AD | Flag.CD)) | (edns?.dnssecOk === true ? 1 : 0);
  return `${type} ${bits} ${group} ${name}`;
}

async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
