/**
 * PacketEngine: the whole interface between what decides (TypeScript) and what moves packets (data-plane.md §4).
 *
 * The engine owns the TUN and the UDP sockets, transport keys, counters, replay windows, allowed IPs, paths, staged
 * packets, MAC1/MAC2/cookie checks. It never sees a private key, never runs a handshake, and never roams by itself
 * (except for WireGuard-only peers). The portable and the native engine both implement exactly this.
 */
import type { SockAddr } from '#shared/ip/address.ts';

/** Chosen by the caller, 1..2^20. */
export type PeerId = number;

/** 0 is the socket that everything uses; others are made by `socket-open`, numbers chosen by the caller. */
export type SocketId = number;

/** Valid only during the callback that handed it over; copy what you keep. */
export type BorrowedBytes = Uint8Array;

export interface EngineConfig {
  /** Name of the TUN interface, an in-memory device for tests, or none. */
  readonly tun:
    | { readonly kind: 'device'; readonly name: string }
    | { readonly kind: 'memory'; readonly tun: MemoryTun }
    | { readonly kind: 'none' };
  readonly mtu: number;
  /** UDP port for both families; 0 picks one. */
  readonly port: number;
  /** SO_MARK for underlay sockets; undefined = none. */
  readonly mark?: number | undefined;
  /** Where the sockets come from; the default is the system. Tests hand in a simulated wire. */
  readonly sockets?: SocketFactory | undefined;
  /** Handshakes in waiting from which the engine counts as under load; 0 = always; the default is data-plane.md §1.8's. */
  readonly underLoadHandshakes?: number | undefined;
  /** Datagrams leave with don't-fragment and too long ones fail with EMSGSIZE (nat-traversal.md §4.5); default off. */
  readonly dontFragment?: boolean | undefined;
}

/** A TUN made of two callbacks. `receive` is called with packets that the engine delivers to the host. */
export interface MemoryTun {
  receive(packet: Uint8Array): void;
  /** Set by the engine: hands it a packet as if read from the device. */
  send: ((packet: Uint8Array) => void) | undefined;
}

export interface UdpSocket {
  readonly port: number;
  send(to: SockAddr, datagram: Uint8Array): void;
  /** A small socket carries a path now: its buffers become as large as those of one for all traffic. */
  grow?(): void;
  close(): Promise<void>;
}
export interface SocketFactory {
  open(options: {
    readonly family: 4 | 6;
    readonly port: number;
    readonly mark?: number | undefined;
    readonly dontFragment?: boolean | undefined;
    /** Of each direction; absent = as much as a socket for all traffic should have. */
    readonly bufferBytes?: number | undefined;
    readonly receive: (from: SockAddr, datagram: BorrowedBytes) => void;
    /** The socket is dead. */
    readonly failed: (error: Error) => void;
    /** One datagram could not be sent; `code` is the system's name of the error. */
    readonly sendFailed?: ((to: SockAddr, code: string) => void) | undefined;
  }): Promise<UdpSocket>;
}

export interface Keypair {
  readonly peer: PeerId;
  readonly role: 'initiator' | 'responder';
  readonly localIndex: number;
  readonly remoteIndex: number;
  /** 32 bytes each; the engine copies them, the caller then wipes its own. */
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  /** Engine clock, ms (`nowMs`). */
  readonly createdMs: number;
  /** Inner packet to send before anything staged (TSMP disco advertisement). */
  readonly firstPacket?: Uint8Array | undefined;
}

/** How datagrams reach a peer. */
export type PathMode = 'direct' | 'direct+relay' | 'relay' | 'none';
export interface PeerPath {
  readonly mode: PathMode;
  readonly direct?: SockAddr | undefined;
  /** The socket from which `direct` is reached; absent = 0. */
  readonly via?: SocketId | undefined;
  readonly relayRegion?: number | undefined;
  /** Engine clock ms after which `direct` counts as `direct+relay`; undefined = no end. */
  readonly validUntilMs?: number | undefined;
}

export interface Route {
  /** `ip/bits`. */
  readonly prefix: string;
  readonly peer: PeerId;
}

/** What peers may begin (data-plane.md §4.8). Sources and destinations are prefixes, `ip/bits`. */
export interface FilterRuleSpec {
  /** IP protocol numbers; none = TCP, UDP, ICMP and ICMPv6. */
  readonly protocols: readonly number[];
  readonly sources: readonly string[];
  /** Ports from `first` to `last`. */
  readonly destinations: readonly {
    readonly prefix: string;
    readonly first: number;
    readonly last: number;
  }[];
}

/**
 * What is not to be used of the system's help with many packets at once, and what is done besides: some kernels and drivers
 * spoil packets (data-plane.md §2.6, §2.14). An engine that has no such help ignores it.
 */
export interface EngineFlags {
  /** Datagrams leave one by one. */
  readonly noUdpGso?: boolean | undefined;
  /** Datagrams come one by one. */
  readonly noUdpGro?: boolean | undefined;
  /** The TUN device gets TCP packets one by one. */
  readonly noTunTcpGro?: boolean | undefined;
  /** The same for UDP. */
  readonly noTunUdpGro?: boolean | undefined;
  /** Datagrams that leave together are never all of one length; kernels known to need it have it in any case. */
  readonly gsoSentinel?: boolean | undefined;
  /**
   * RFC 6040's normal mode: datagrams say whether the sender inside heeds marks of congestion. Only for networks whose
   * machines all take such marks in; otherwise the outer header never says so, and routers drop instead of marking.
   */
  readonly ecn?: boolean | undefined;
}

export type EngineOp =
  /** 32-byte static public key of this node, for mac1 and cookies. */
  | { readonly op: 'set-identity'; readonly publicKey: Uint8Array }
  | {
      readonly op: 'peer-add';
      readonly peer: PeerId;
      readonly publicKey: Uint8Array;
      readonly wireguardOnly?: boolean;
      readonly jailed?: boolean;
    }
  | { readonly op: 'peer-del'; readonly peer: PeerId }
  /**
   * The whole packet filter; answers to what this host began pass in any case. Undefined takes it away, and everything
   * passes: so a filter is set before the first peer.
   */
  | { readonly op: 'filter-set'; readonly rules: readonly FilterRuleSpec[] | undefined }
  /**
   * TCP connections to these may be begun by every peer, whatever the filter says: who asks there is judged there, as at
   * the PeerAPI (localapi-and-daemon.md §8.1).
   */
  | { readonly op: 'tcp-open'; readonly at: readonly SockAddr[] }
  /** The full table: cryptokey routing in both directions. */
  | { readonly op: 'routes-set'; readonly routes: readonly Route[] }
  /** Takes prefixes out of the table, whosesoever they are, then puts routes into it. */
  | { readonly op: 'routes-change'; readonly remove: readonly string[]; readonly add: readonly Route[] }
  /**
   * Counts as an authentic packet received in the activity words. As initiator the engine sends at once: the first
   * packet, what is staged, or else a keepalive, which confirms the key to the peer.
   */
  | { readonly op: 'install-keypair'; readonly keypair: Keypair }
  | { readonly op: 'pending-add'; readonly index: number; readonly peer: PeerId }
  | { readonly op: 'pending-del'; readonly index: number }
  | { readonly op: 'erase-keys'; readonly peer: PeerId | 'all' }
  /** Only keypairs made before that moment (`createdMs`); what waits for a handshake goes on waiting. */
  | { readonly op: 'erase-older-keys'; readonly peer: PeerId; readonly createdBeforeMs: number }
  | { readonly op: 'expire-send'; readonly peer: PeerId }
  /** Drops what waits for a handshake of that peer (the handshake gave up). */
  | { readonly op: 'drop-staged'; readonly peer: PeerId }
  | { readonly op: 'path-set'; readonly peer: PeerId; readonly path: PeerPath }
  /** An authentic handshake message came from this address: the same as an authentic packet from it. */
  | {
      readonly op: 'peer-heard';
      readonly peer: PeerId;
      readonly from: SockAddr;
      readonly via?: SocketId | undefined;
    }
  | { readonly op: 'send-keepalive'; readonly peer: PeerId }
  /**
   * `own`: addresses of this host. With any of them set, packets of peers to other destinations are dropped, and no peer
   * has them as its source. `service`: packets of the host to these go to TypeScript instead of a peer, and no peer may
   * send to or from them. `forwarded`: prefixes that peers reach through this host (advertised routes); for packets of
   * the host they mean nothing. Of several that hold an address the most specific counts, and of equal ones own, then
   * service. `beside`: networks that this host is in; a peer that carries everything (a route of length 0) does not speak
   * for machines there.
   */
  | {
      readonly op: 'local-ips';
      readonly own: readonly string[];
      readonly service: readonly string[];
      readonly forwarded: readonly string[];
      readonly beside?: readonly string[] | undefined;
    }
  /** New sockets for everything; extra ones stay as they are. What is absent stays as it was. */
  | {
      readonly op: 'bind';
      readonly port: number;
      readonly mark?: number | undefined;
      readonly dontFragment?: boolean | undefined;
    }
  /** From the next packets on; what is absent is off. */
  | { readonly op: 'flags-set'; readonly flags: EngineFlags }
  /**
   * One more socket of one family on a port of the system's choice, for NATs that give each destination its own port
   * (nat-traversal.md §11.4). Opens in the background, and a few datagrams wait for it; a failure is a `path-error`
   * without peer, and from then on the number is unknown. At most 512.
   */
  | { readonly op: 'socket-open'; readonly socket: SocketId; readonly family: 4 | 6 }
  /** Paths via it, like those set via an unknown one, lose their direct address. Unknown numbers are ignored. */
  | { readonly op: 'socket-close'; readonly socket: SocketId };

/** Why the engine wants a handshake (data-plane.md §4.4, type 32). */
export type HandshakeReason = 'no-key' | 'age-120' | 'age-165' | 'counter' | 'keepalive-without-key';

export type EngineRecord =
  | {
      readonly type: 'disco';
      readonly from: SockAddr;
      readonly via?: SocketId | undefined;
      readonly data: BorrowedBytes;
    }
  | {
      readonly type: 'stun';
      readonly from: SockAddr;
      readonly via?: SocketId | undefined;
      readonly data: BorrowedBytes;
    }
  /** WireGuard types 1 to 3, after mac1 (and mac2 and the limiter when under load). `from` is undefined over a relay. */
  | {
      readonly type: 'handshake';
      readonly from: SockAddr | undefined;
      readonly via?: SocketId | undefined;
      readonly peer: PeerId | undefined;
      readonly data: BorrowedBytes;
    }
  | {
      readonly type: 'relay-out';
      readonly peer: PeerId;
      readonly region: number;
      readonly data: BorrowedBytes;
    }
  /** Inner packet from the host to a service address. */
  | { readonly type: 'local'; readonly data: BorrowedBytes }
  | { readonly type: 'tsmp'; readonly peer: PeerId; readonly data: BorrowedBytes }
  | { readonly type: 'icmp-echo-reply'; readonly peer: PeerId; readonly data: BorrowedBytes }
  | { readonly type: 'need-handshake'; readonly peer: PeerId; readonly reason: HandshakeReason }
  | { readonly type: 'key-confirmed'; readonly peer: PeerId; readonly localIndex: number }
  | { readonly type: 'peer-active'; readonly peer: PeerId }
  /** Authenticated packet from an address that is not the peer's path; for WireGuard-only peers the path has moved. */
  | {
      readonly type: 'new-address';
      readonly peer: PeerId;
      readonly from: SockAddr;
      readonly via?: SocketId | undefined;
    }
  | { readonly type: 'need-path'; readonly peer: PeerId }
  /** `via` names an extra socket that could not be opened, died, or could not send. */
  | {
      readonly type: 'path-error';
      readonly peer: PeerId | undefined;
      readonly via?: SocketId | undefined;
      readonly code: string;
    }
  /** Help of the system's that failed and is not used any more; with `path`, on that path for a minute. Nothing was lost. */
  | {
      readonly type: 'offload';
      readonly what: 'udp-gso' | 'tun-gro';
      readonly path?: SockAddr | undefined;
      readonly code: string;
    }
  /** The device does not take packets; told once a second. */
  | { readonly type: 'tun-error'; readonly code: string }
  | { readonly type: 'device'; readonly what: 'tun-gone' | 'socket-dead'; readonly detail: string }
  | { readonly type: 'unknown-destination'; readonly ip: string }
  /** The beginning of one of the packets of peers that the filter dropped; few are told of, whatever comes. */
  | {
      readonly type: 'filtered';
      readonly peer: PeerId;
      readonly why: 'unreadable' | 'multicast' | 'link-local' | 'filtered' | 'jailed';
      readonly data: BorrowedBytes;
    };

export type InjectPacket =
  /** Raw datagram from our own port: disco, STUN, handshake messages. */
  | {
      readonly kind: 'udp';
      readonly to: SockAddr;
      readonly via?: SocketId | undefined;
      readonly data: Uint8Array;
    }
  /**
   * A handshake message to wherever the peer's path leads, and to the address whose message it answers. Without any
   * path the newest one waits for `path-set`. Counts as an authentic packet sent in the activity words.
   */
  | {
      readonly kind: 'peer-datagram';
      readonly peer: PeerId;
      readonly data: Uint8Array;
      readonly answering?: SockAddr | undefined;
      /** The socket on which the answered message came. */
      readonly answeringVia?: SocketId | undefined;
    }
  /** WireGuard datagram that a relay delivered from `peer`. */
  | { readonly kind: 'relay-in'; readonly peer: PeerId; readonly region: number; readonly data: Uint8Array }
  /** Inner packet to the host. */
  | { readonly kind: 'to-host'; readonly data: Uint8Array }
  /** Inner packet to route and encrypt as if read from the TUN. */
  | { readonly kind: 'from-host'; readonly data: Uint8Array }
  /** Inner packet to a given peer. */
  | { readonly kind: 'to-peer'; readonly peer: PeerId; readonly data: Uint8Array };

/** Engine clock ms, 0 = unset (data-plane.md §4.6). Byte counts are of inner packets plus WireGuard overhead. */
export interface PeerActivity {
  readonly peer: PeerId;
  readonly unansweredSince: number;
  readonly keepaliveOwedSince: number;
  readonly lastTxAny: number;
  readonly lastRxAny: number;
  readonly rxBestAt: number;
  readonly lastHandshakeMs: number;
  readonly txBytes: number;
  readonly rxBytes: number;
  readonly txPackets: number;
  readonly rxPackets: number;
}

/** Counters by name, append-only. Names of drops begin with `drop.`. */
export type EngineStats = Readonly<Record<string, bigint>>;

/** What a rule of the filter did since it came into force; see `filter-set`. */
export interface FilterRuleCount {
  /** Packets that it let in: the first ones of TCP connections, and what else is not an answer. */
  readonly passed: number;
  /** Packets that were dropped although its addresses fit: their protocol or port did not. Only the first such rule counts. */
  readonly nearMisses: number;
}

/**
 * Sees every inner packet before anything judges it: of the host, of peers, and those that were made here for either.
 * The bytes are borrowed for the call.
 */
export type Tap = (way: 'from-host' | 'from-peer' | 'to-host' | 'to-peer', packet: BorrowedBytes) => void;

export interface EngineCaps {
  readonly maxMtu: number;
  readonly aead: string;
}

export interface PacketEngine {
  readonly kind: 'native' | 'portable';
  readonly caps: EngineCaps;
  /** Opens TUN and sockets. Rejects with RhumbError `not-allowed`, `unavailable` or `conflict`. */
  start(config: EngineConfig): Promise<void>;
  /** Synchronous and atomic: all operations or none. Throws RhumbError `bad-argument`, `not-found`, `conflict`. */
  apply(ops: readonly EngineOp[]): void;
  /** Number of packets accepted. */
  inject(packets: readonly InjectPacket[]): number;
  onRecords(handle: (batch: Iterable<EngineRecord>) => void): void;
  /** The listed peers, or all that ever had traffic. */
  peers(ids?: readonly PeerId[]): PeerActivity[];
  stats(): EngineStats;
  /** In the order of the rules of the last `filter-set`. */
  filterRules(): readonly FilterRuleCount[];
  /** At most one; undefined ends it, and costs nothing. */
  setTap(tap: Tap | undefined): void;
  /** Engine clock, ms, counts suspend. */
  nowMs(): number;
  /** Bound UDP port; 0 before start. */
  readonly port: number;
  /** Name of the TUN device as the OS gave it; undefined without one. */
  readonly tunName: string | undefined;
  stop(): Promise<void>;
  destroy(): Promise<void>;
}
