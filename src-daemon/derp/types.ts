/** What the parts of the relay client say to each other: streams, dialling, states, counters. */
import type { Clock, Random } from '#shared/async/clock.ts';
import type { NodeKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type { DerpMap } from '#shared/wire/map.ts';

export type DerpRegion = NonNullable<NonNullable<DerpMap['Regions']>[string]>;
export type DerpNode = NonNullable<DerpRegion['Nodes']>[number];

/** A connected byte stream to a relay, after TLS and before anything was said on it. */
export interface RelayStream {
  /** The relay's public key (32 bytes) when its meta certificate told it: then a fast start is possible. */
  readonly serverKey: Uint8Array | undefined;
  /** Our end of the TCP connection. */
  readonly localIp: string | undefined;
  /** Written, and not yet taken by the system. */
  readonly bufferedBytes: number;
  /** All chunks leave as one write. */
  write(chunks: readonly Uint8Array[]): void;
  /** The relay took us: what the dialler learned of it may be used for the next connection. */
  admitted(): void;
  /** Begins to deliver; called once. */
  start(sink: StreamSink): void;
  /** At once, without lingering; the sink hears nothing any more. */
  close(): void;
}

export interface StreamSink {
  /** The chunk is the receiver's until it returns. */
  data(chunk: Uint8Array): void;
  /** Something that was written has left: `bufferedBytes` is smaller. */
  drained(): void;
  closed(why: string): void;
}

export interface DialRequest {
  readonly region: DerpRegion;
  /** Only these, in order; STUN-only nodes are never dialled. */
  readonly nodes: readonly DerpNode[];
  /** The last network check says that IPv6 works: IPv4 then starts a little later (nat-traversal.md §1.12). */
  readonly prefersIpv6: boolean;
}

export interface Dialed {
  readonly stream: RelayStream;
  readonly node: DerpNode;
}

/** Rejects with a RhumbError whose message names the node, or with the signal's reason. */
export type Dial = (request: DialRequest, signal: AbortSignal) => Promise<Dialed>;

export type RelayStateKind = 'idle' | 'dialing' | 'connected' | 'waiting';

/** One region as status and health see it; times are the monotonic clock's. */
export interface RelayState {
  readonly region: number;
  readonly code: string;
  readonly name: string;
  readonly state: RelayStateKind;
  readonly sinceMs: number;
  readonly isHome: boolean;
  /** Name of the node that we are connected to, and whether it is the region's first. */
  readonly node: string | undefined;
  readonly isIdealNode: boolean;
  readonly localIp: string | undefined;
  /** Our last frame from it, on whatever connection. */
  readonly heardAtMs: number | undefined;
  /** Round trip of the last ping. */
  readonly latencyMs: number | undefined;
  /** Why the last attempt or connection ended; gone once connected again. */
  readonly lastError: string | undefined;
  /** Consecutive attempts that failed. */
  readonly failures: number;
  /** What the relay itself says is wrong with this connection. */
  readonly problem: string | undefined;
  /** Packets that wait for the connection. */
  readonly queued: number;
}

export const DROP_REASONS = ['queue-head', 'stale', 'too-large', 'no-region', 'rate', 'closed'] as const;
export type DropReason = (typeof DROP_REASONS)[number];

export interface DerpCounters {
  readonly sentPackets: number;
  readonly sentBytes: number;
  readonly receivedPackets: number;
  readonly receivedBytes: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  readonly dials: number;
  readonly dialFailures: number;
  readonly connectionsLost: number;
  readonly idleClosed: number;
}

export interface DerpClientsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The default speaks TLS over TCP; tests hand in a simulated one. */
  readonly dial?: Dial | undefined;
  /** `data` is valid during the call only. */
  readonly onPacket: (region: number, from: NodeKey, data: Uint8Array) => void;
  /** `reason` is one of PeerGoneReason of the protocol, or a later one. */
  readonly onPeerGone: (region: number, key: NodeKey, reason: number) => void;
  /** At each change of state, error or reported problem. */
  readonly onState: (region: number, state: RelayState) => void;
}
