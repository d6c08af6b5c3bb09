/** The resolver of the network's names: answers what it knows, asks others for the rest (localapi-and-daemon.md §7.4, §7.5). */
import type { Upstream } from '../types.ts';
import { attemptsFor } from './attempts.ts';
import { Forwarder, type ForwardRequest } from './forwarder.ts';
import { marksFor } from './inside.ts';
import { answerLocally, isBonjour } from './local.ts';
import { canonical, isWithin } from './names.ts';
import { type Question, readQuery } from './question.ts';
import type { Outcome } from './race.ts';
import { badReply, badVersionReply, codeReply, localReply } from './reply.ts';
import { textQuery } from './text-query.ts';
import type {
  AnswerOptions,
  DnsResolver,
  QueryResult,
  ResolverConfig,
  ResolverDeps,
  Transport,
} from './types.ts';
import { Class, Rcode, Type } from './wire.ts';
import { Zones } from './zones.ts';

/** What is known of a query at once: an answer, that none is due, or whom to ask. */
type Step =
  | { readonly kind: 'answer'; readonly bytes: Uint8Array }
  | { readonly kind: 'none' }
  | { readonly kind: 'forward'; readonly request: ForwardRequest };

const NO_NETWORK: ResolverConfig = {
  hosts: { addresses: () => undefined, name: () => undefined, answersBelow: () => false },
  authoritative: [],
  routes: new Map(),
  defaults: [],
  acceptsDns: false,
  inside: { routes: [], except: [] },
};
/** The machine's own servers, asked for users of this exit node, are a choice of their own. */
const BASE_GROUP = 'base';

export class Resolver implements DnsResolver {
  readonly #deps: ResolverDeps;
  readonly #forwarder: Forwarder;
  #config = NO_NETWORK;
  #zones = new Zones(NO_NETWORK);
  /** Whom to ask and by which way, as text: what was cached is good as long as it stays. */
  #ways = '';
  #local = 0;
  #malformed = 0;

  constructor(deps: ResolverDeps) {
    this.#deps = deps;
    this.#forwarder = new Forwarder(deps);
  }

  configure(config: ResolverConfig | undefined): void {
    const next = config ?? NO_NETWORK;
    this.#config = next;
    const { authoritative, routes, defaults, inside } = next;
    const ways = JSON.stringify([authoritative, [...routes], defaults, inside]);
    if (ways === this.#ways) return;
    this.#ways = ways;
    this.#zones = new Zones(next);
    this.#forwarder.flush(marksFor(inside));
    this.#deps.forwardFailing(undefined);
  }

  answerNow(query: Uint8Array, transport: Transport): Uint8Array | undefined {
    const step = this.#step(query, transport);
    return step.kind === 'answer' ? step.bytes : undefined;
  }

  answer(
    query: Uint8Array,
    { transport, signal }: AnswerOptions,
  ): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const step = this.#step(query, transport);
    switch (step.kind) {
      case 'answer':
        return step.bytes;
      case 'none':
        return undefined;
      case 'forward':
        return this.#forwarder.forward(step.request, signal);
      default:
        return step satisfies never;
    }
  }

  async answerForPeer(
    query: Uint8Array,
    { refused, signal }: { readonly refused: readonly string[]; readonly signal: AbortSignal },
  ): Promise<Uint8Array | undefined> {
    const read = readQuery(query);
    if (read.kind === 'none') return undefined;
    if (read.kind === 'bad') return badReply(query, read.rcode, read.end);
    const { question } = read;
    if (refused.some((one) => isRefused(question.name, one)))
      return codeReply(query, question, Rcode.Refused);
    if (isBonjour(question.name)) return codeReply(query, question, Rcode.NxDomain);
    if (isTransfer(question.type)) return codeReply(query, question, Rcode.NotImp);
    if (isWithin(question.name, 'onion')) return codeReply(query, question, Rcode.NxDomain);
    if (question.class !== Class.IN) return codeReply(query, question, Rcode.Refused);
    const base = await this.#deps.baseNameservers();
    const attempts = attemptsFor(base.map((addr) => ({ addr, bootstrap: [] })));
    // Where we are the machine's only resolver it has no others: then what we would ask ourselves.
    const zone = attempts.length > 0 ? undefined : this.#zones.zoneOf(question.name);
    const request: ForwardRequest = {
      query,
      question,
      transport: 'tcp',
      attempts: zone?.attempts ?? attempts,
      group: zone?.suffix ?? `${BASE_GROUP} ${base.join()}`,
      isForPeer: true,
    };
    if (request.attempts.length === 0) return codeReply(query, question, Rcode.ServFail);
    return this.#forwarder.cached(request) ?? (await this.#forwarder.forward(request, signal));
  }

  async query(name: string, type: string, signal: AbortSignal): Promise<QueryResult> {
    const message = textQuery(name, type, this.#deps.randomId());
    const bytes = await this.answer(message, { transport: 'tcp', signal });
    return { bytes: bytes ?? new Uint8Array(), resolvers: this.upstreamsOf(name) };
  }

  upstreamsOf(name: string): readonly Upstream[] {
    return this.#zones.zoneOf(canonical(name))?.upstreams ?? [];
  }

  flush(): void {
    this.#forwarder.flush();
  }

  counters(): Readonly<Record<string, number>> {
    const { counters, cacheSize } = this.#forwarder;
    return { ...counters, local: this.#local, malformed: this.#malformed, cacheEntries: cacheSize };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#forwarder[Symbol.asyncDispose]();
  }

  #step(query: Uint8Array, transport: Transport): Step {
    const read = readQuery(query);
    if (read.kind !== 'question') {
      this.#malformed++;
      return read.kind === 'none'
        ? { kind: 'none' }
        : { kind: 'answer', bytes: badReply(query, read.rcode, read.end) };
    }
    const { question } = read;
    if (question.edns !== undefined && question.edns.version !== 0)
      return { kind: 'answer', bytes: badVersionReply(query, question) };
    const records = answerLocally(question, {
      hosts: this.#config.hosts,
      zoneOf: (name) => this.#zones.zoneOf(name),
    });
    if (records !== undefined) {
      this.#local++;
      const serial = Math.floor(this.#deps.clock.now() / 1_000);
      return { kind: 'answer', bytes: localReply(query, question, records, serial) };
    }
    return this.#beyond(query, question, transport);
  }

  #beyond(query: Uint8Array, question: Question, transport: Transport): Step {
    const code = (rcode: number): Step => ({ kind: 'answer', bytes: codeReply(query, question, rcode) });
    if (isBonjour(question.name)) return code(Rcode.NxDomain);
    if (isTransfer(question.type)) return code(Rcode.NotImp);
    const zone = this.#zones.zoneOf(question.name);
    if (zone === undefined || zone.attempts.length === 0) return code(Rcode.ServFail);
    const isDefault = zone.suffix === '' && this.#config.acceptsDns;
    const request: ForwardRequest = {
      query,
      question,
      transport,
      attempts: zone.attempts,
      group: zone.suffix,
      isForPeer: false,
      settled: isDefault ? (outcome) => this.#settled(outcome) : undefined,
    };
    const bytes = this.#forwarder.cached(request);
    return bytes === undefined ? { kind: 'forward', request } : { kind: 'answer', bytes };
  }

  #settled(outcome: Outcome): void {
    const isDown = outcome.kind === 'failed' && !outcome.heard;
    this.#deps.forwardFailing(isDown ? this.#config.defaults.map(({ addr }) => addr).join(', ') : undefined);
  }
}

/** An answer of many messages: nothing that a resolver of programs has to hand on. */
const isTransfer = (type: number): boolean => type === Type.AXFR || type === Type.IXFR;

/** An entry with a leading dot stands for everything below, without it for that very name. */
function isRefused(name: string, entry: string): boolean {
  const wanted = canonical(entry);
  if (wanted === '') return false;
  return wanted.startsWith('.')
    ? name !== wanted.slice(1) && isWithin(name, wanted.slice(1))
    : name === wanted;
}
