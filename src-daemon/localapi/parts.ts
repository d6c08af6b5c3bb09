/** What the local API uses of the daemon besides the backend; a part that a daemon lacks is answered as absent. */
import type { NodeKey } from '#shared/key/key.ts';
import type { TriedEndpoint } from '#shared/localapi/rhumb.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import type { CapturePath } from './pcap.ts';

/** Names: what the system was told, and questions to our own resolver. */
export interface DnsPart {
  /** Undefined while this system's resolver is not told anything by us. */
  readonly systemDns: () =>
    | {
        readonly nameservers: readonly string[];
        readonly searchDomains: readonly string[];
        readonly matchDomains: readonly string[];
      }
    | undefined;
  readonly query: (
    name: string,
    /** A name such as `A`, or a number. */
    type: string,
    signal: AbortSignal,
  ) => Promise<{
    /** The answer as on the wire. */
    readonly bytes: Uint8Array;
    readonly resolvers: readonly { readonly addr: string; readonly bootstrap: readonly string[] }[];
  }>;
}

/** Whether this machine can carry other machines' packets; '' = it can, else what is wrong and how to mend it. */
export interface ForwardingPart {
  readonly ipForwarding: () => Promise<string>;
  readonly udpGro: () => Promise<string>;
  readonly setUdpGro: () => Promise<string>;
}

/** The log of the running daemon. */
export interface LogPart {
  /** Public id under which reports of this daemon are filed; 64 hex digits. */
  readonly id: string;
  /** Lines as they are written, whatever their number; the returned function ends it. */
  readonly tap: (listener: (line: string) => void) => () => void;
  /** The last lines that were written, oldest first. */
  readonly recent: () => readonly string[];
  /** Parts of the daemon whose level can be changed: the `mod` of their lines. */
  readonly components: readonly string[];
  /** More words of one part for so long, in ms; 0 ends it. */
  readonly verbose: (component: string, forMs: number) => void;
}

export interface PathChange {
  /** Wall clock, ms. */
  readonly atMs: number;
  readonly what: string;
  readonly from: string;
  readonly to: string;
}

/** The data plane under a microscope. */
export interface PlanePart {
  /** New sockets on the same port. */
  readonly rebind: () => void;
  /** Looks at the network under us anew. */
  readonly restun: () => void;
  /** Ends the connections to relays; they come again. */
  readonly breakRelays: () => void;
  /** What peers were reached by, oldest first. */
  readonly pathChanges: (peer: NodeKey) => readonly PathChange[];
  /** Where a peer may be, and what became of it there. */
  readonly tried: (peer: NodeKey) => readonly TriedEndpoint[];
  /** How often each rule of the packet filter let something in, and what became of the rest. */
  readonly filterReport: () => unknown;
  /** Inner packets as they pass, until the returned function is called; the bytes are borrowed for the call. */
  readonly capture: (listener: (path: CapturePath, packet: Uint8Array) => void) => () => void;
}

/** Bytes of each second, newest last; all lists have the same length. */
export interface TrafficStretch {
  /** Wall clock at the end of the last second. */
  readonly endMs: number;
  readonly direct: { readonly in: readonly number[]; readonly out: readonly number[] };
  readonly relayed: { readonly in: readonly number[]; readonly out: readonly number[] };
}

/** The past hour of traffic, and each second to come. */
export interface TrafficPart {
  /** Of one peer, or of all. */
  readonly past: (seconds: number, peer: NodeKey | undefined) => TrafficStretch;
  /** Called after each second with how many there were; the returned function ends it. */
  readonly subscribe: (listener: (seconds: number) => void) => () => void;
}

/** The page with which this daemon is looked at and managed in a browser. */
export interface WebPart {
  /** A link for one visit with these rights; starts what serves it. */
  readonly link: (visitor: {
    readonly uid: number | undefined;
    readonly canWrite: boolean;
    /** Also when another operator is named. */
    readonly isAdmin: boolean;
  }) => Promise<string>;
}

/** What moves the packets. */
export interface EnginePart {
  readonly kind: 'native' | 'portable';
  /** Name of the cipher at work. */
  readonly cipher: string;
  /** Why this engine and no other, for people. */
  readonly reason: string;
}

/** Looks at relays and routers from this machine. */
export interface ProbePart {
  /** Each reply is a line for people. */
  readonly relayRegion: (map: DerpMap, region: string, signal: AbortSignal) => Promise<RegionReport>;
  readonly portMapping: (
    /** Undefined = this machine's own way out. */
    route: { readonly gateway: string; readonly self: string } | undefined,
    say: (line: string) => void,
    signal: AbortSignal,
  ) => Promise<void>;
}

export interface RegionReport {
  readonly Info: readonly string[];
  readonly Warnings: readonly string[];
  readonly Errors: readonly string[];
}

/** Parts that a daemon may lack: a test's, or one without a tunnel device. */
export interface OptionalParts {
  readonly dns?: DnsPart | undefined;
  readonly engine?: EnginePart | undefined;
  readonly forwarding?: ForwardingPart | undefined;
  readonly logs?: LogPart | undefined;
  readonly plane?: PlanePart | undefined;
  readonly probes?: ProbePart | undefined;
  readonly traffic?: TrafficPart | undefined;
  readonly web?: WebPart | undefined;
  /** Folder of this daemon's state; '' when it keeps none. */
  readonly stateDir?: string | undefined;
  /** Whether our sockets are kept out of the tunnel by a mark. */
  readonly usesMark?: boolean | undefined;
}
