/** What path choice needs of its surroundings and what it tells them. */
import type { Clock } from '#shared/async/clock.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { DiscoKey, NodeKey, PrivateKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type { RelayReason } from './why.ts';

/** As the engine numbers its peers. */
export type PeerId = number;

/** As the engine numbers its sockets; 0 is the one that everything uses. */
export type SocketId = number;

/** The part of the engine's activity words that path choice needs; engine clock, ms, 0 = never. */
export interface Activity {
  readonly peer: PeerId;
  readonly lastTxAny: number;
  readonly lastRxAny: number;
  /** The last authentic packet that came from the address of the peer's path. */
  readonly rxBestAt: number;
  /** When the first data packet left to which nothing has come back yet; 0 = nothing is open. */
  readonly unansweredSince: number;
}

/** How the engine shall reach a peer: the same as its `PeerPath`. */
export interface EnginePath {
  readonly mode: 'none' | 'direct' | 'direct+relay' | 'relay';
  readonly direct?: SockAddr | undefined;
  readonly via?: SocketId | undefined;
  readonly relayRegion?: number | undefined;
  /** Engine clock ms after which the engine by itself sends a copy by relay too. */
  readonly validUntilMs?: number | undefined;
}

/** Addresses at which we may be reached, to tell a peer. */
export interface LocalEndpoints {
  readonly list: readonly SockAddr[];
  /** Since what a NAT showed of us was last confirmed; infinite when it never was. */
  readonly ageMs: number;
}

/** Under which port a server saw a socket of ours; the later one was made later. */
export interface MappingSample {
  readonly server: SockAddr;
  readonly mapped: SockAddr;
}

/** The NAT before us, as the last network check saw it. */
export interface NatView {
  /** Whether each destination sees another port; undefined = not known. */
  readonly varies: boolean | undefined;
  /** In the order of their making. */
  readonly ports: readonly MappingSample[];
  /** The gateway forwards a port to us. */
  readonly portMapped: boolean;
  /** Whether any STUN answer came at all; undefined = not known. */
  readonly udp?: boolean | undefined;
}

export interface MagicsockDeps {
  /** From the socket that WireGuard uses, or an extra one; errors are the engine's to count. */
  sendUdp(to: SockAddr, datagram: Uint8Array, via?: SocketId): void;
  /** By relay, ahead of bulk data; dropped when the relay has no room. */
  sendRelay(region: number, to: NodeKey, datagram: Uint8Array): void;
  /** The region through which the peer is reached right now; undefined = none. Asked anew at each need: must be cheap. */
  relayFor(peer: NodeKey, home: number | undefined): number | undefined;
  /** Only called for peers of the last `setPeers`: the engine must know them first. */
  setPath(peer: PeerId, path: EnginePath): void;
  activity(peers: readonly PeerId[]): readonly Activity[];
  /** The peer was looking for us and a path is proven: a handshake that is stuck or missing would succeed now. */
  met(peer: PeerId): void;
  endpoints(): LocalEndpoints;
  /** Asks what NATs show of us now; resolves as soon as something is known, with the list as it is then. */
  refreshEndpoints(): Promise<LocalEndpoints>;
  nat(): NatView;
  /** One more socket on a port of the system's choice (nat-traversal.md §11.4); opens in the background. */
  openSocket(id: SocketId, family: 4 | 6): void;
  closeSocket(id: SocketId): void;
  /** Engine clock. */
  nowMs(): number;
  readonly clock: Clock;
  readonly log: Log;
  /** New for each start of the daemon and never stored (nat-traversal.md §9.4-12). */
  readonly discoPrivate: PrivateKey;
  readonly nodeKey: NodeKey;
  readonly random?: (length: number) => Uint8Array;
  readonly options?: MagicsockOptions | undefined;
}

export interface MagicsockOptions {
  /** Probe which datagram sizes a path carries (§4.5). Needs don't-fragment on the sockets; off as in official clients. */
  readonly pathMtuDiscovery?: boolean | undefined;
  /** Guess ports where a NAT gives each destination its own (§11.4); on unless switched off. */
  readonly portPrediction?: boolean | undefined;
}

export interface PeerConfig {
  readonly peer: PeerId;
  readonly nodeKey: NodeKey;
  /** Without one, and not WireGuard-only, a peer can be reached by relay alone. */
  readonly discoKey: DiscoKey | undefined;
  readonly endpoints: readonly SockAddr[];
  readonly wireguardOnly: boolean;
  /** As the map says; undefined or 0 = none. */
  readonly homeRegion?: number | undefined;
}

/** How packets reach a peer now. */
export interface PeerPathView {
  readonly kind: 'none' | 'relay' | 'direct';
  readonly addr: SockAddr | undefined;
  /** The relay in use: alone, or beside an address that is doubted. */
  readonly region: number | undefined;
  /** Of the direct path. */
  readonly latencyMs: number | undefined;
  /** False while the last proof is old and a new one is being sought. */
  readonly isTrusted: boolean;
  /** Engine clock; 0 = there never was another. */
  readonly sinceMs: number;
  /** Why there is no direct path; undefined when there is one. */
  readonly why: RelayReason | undefined;
  /** The largest IP packet that is known to pass; 0 without a direct path. */
  readonly wireMtu: number;
}

/** One address at which a peer may be; times of the engine's clock. */
export interface CandidateView {
  readonly addr: SockAddr;
  readonly isInUse: boolean;
  readonly pingedAtMs: number | undefined;
  readonly answeredAtMs: number | undefined;
  readonly latencyMs: number | undefined;
}

export type PingAnswer =
  | { readonly endpoint: SockAddr; readonly region?: undefined; readonly latencyMs: number }
  | { readonly endpoint?: undefined; readonly region: number; readonly latencyMs: number };
