/** What drives the resolver and what it needs of the machine: the seams between it, the DNS manager, PeerAPI and the local API. */
import type { Socket } from 'node:net';
import type { Clock } from '#shared/async/clock.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import type { Hosts, Upstream } from '../types.ts';

export interface ResolverConfig {
  readonly hosts: Hosts;
  /** Below these suffixes (lower case, without final dot) what `hosts` doesn't know does not exist. */
  readonly authoritative: readonly string[];
  /** By suffix; the longest one that fits counts, among these and the authoritative ones. */
  readonly routes: ReadonlyMap<string, readonly Upstream[]>;
  /** For all other names; none = those can't be answered. */
  readonly defaults: readonly Upstream[];
  /** The user wants the network's DNS: only then is a failing forwarder anyone's trouble. */
  readonly acceptsDns: boolean;
  /** Routes into the tunnel and what is thrown out of it again (`ip/bits`): which upstreams lie inside. */
  readonly inside: { readonly routes: readonly string[]; readonly except: readonly string[] };
}

export type Transport = 'udp' | 'tcp';

export interface AnswerOptions {
  readonly transport: Transport;
  readonly signal: AbortSignal;
}

/** One question to one server from a port of its own. */
export interface UdpExchange extends Disposable {
  send(datagram: Uint8Array): void;
}

/** Where questions leave this machine; `mark` keeps a socket outside of the tunnel. */
export interface UpstreamSockets {
  /** A new socket on a random port; `receive` gets only what comes from `to`, `failed` is called at most once. */
  openUdp(
    to: SockAddr,
    options: {
      readonly mark: boolean;
      readonly receive: (datagram: Uint8Array) => void;
      readonly failed: (error: Error) => void;
    },
  ): Promise<UdpExchange>;
  connectTcp(
    to: SockAddr,
    options: { readonly mark: boolean; readonly signal: AbortSignal },
  ): Promise<Socket>;
}

export interface ResolverDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly sockets: UpstreamSockets;
  /** Uniform in 0..65535, not to be guessed from outside: ids of questions. */
  readonly randomId: () => number;
  /** Addresses of a DoH server's name, asked outside of this resolver. */
  readonly resolveHost: (host: string, signal: AbortSignal) => Promise<readonly string[]>;
  /** The name servers of this machine from before us: whom exit-node clients' questions go to. */
  readonly baseNameservers: () => Promise<readonly string[]>;
  /** Certificate authorities in place of the system's, for tests. */
  readonly ca?: string | undefined;
  /** Health: whether the default servers fail to answer (text: which), or do again (undefined). */
  readonly forwardFailing: (servers: string | undefined) => void;
}

/** As the local API's `dns-query` gives it. */
export interface QueryResult {
  readonly bytes: Uint8Array;
  readonly resolvers: readonly Upstream[];
}

/** What others may call; `Resolver` in resolver.ts is the implementation. */
export interface DnsResolver extends AsyncDisposable {
  /** Whole; everything cached is forgotten when whom to ask, or the way there, has changed. Undefined = no network. */
  configure(config: ResolverConfig | undefined): void;
  /** At once, when nobody else must be asked: what we know of ourselves, or have cached. */
  answerNow(query: Uint8Array, transport: Transport): Uint8Array | undefined;
  /**
   * Always an answer of DNS (perhaps SERVFAIL or FORMERR), or undefined for what deserves none; a promise only where others
   * are asked, and it rejects only when aborted.
   */
  answer(query: Uint8Array, options: AnswerOptions): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /**
   * For a client of this exit node: asks the machine's own name servers. Names in `refused` (as ExitNodeFilteredSet: with a
   * leading dot everything below, without it that very name) are refused. Undefined = not a question.
   */
  answerForPeer(
    query: Uint8Array,
    options: { readonly refused: readonly string[]; readonly signal: AbortSignal },
  ): Promise<Uint8Array | undefined>;
  /** For `dns query`: `type` as a number or a name such as `A`. Rejects with `bad-argument`. */
  query(name: string, type: string, signal: AbortSignal): Promise<QueryResult>;
  /** Whom a name would be asked of; none = answered here or not at all. */
  upstreamsOf(name: string): readonly Upstream[];
  /** Forgets what was cached (the network under us changed). */
  flush(): void;
  counters(): Readonly<Record<string, number>>;
}
