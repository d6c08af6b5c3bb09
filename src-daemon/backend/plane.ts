/** The data plane as the backend sees it: one wanted configuration in, facts about peers out. */
import type { SockAddr } from '#shared/ip/address.ts';
import type { DiscoKey, NodeKey, PrivateKey } from '#shared/key/key.ts';
import type { NetInfo } from '#shared/wire/hostinfo.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import type { ControlEndpoint } from '../control/types.ts';
import type { DnsTrouble } from '../dns/manager.ts';
import type { DnsWish } from '../dns/types.ts';
import type { EngineFlags, FilterRuleCount, FilterRuleSpec, Tap } from '../engine/types.ts';
import type { FirewallConfig, KillSwitch } from '../router/types.ts';
import type { RelayStatus } from '../underlay/relay-status.ts';
import type { RefusedConnection } from './refusals.ts';

export interface PlanePeer {
  /** StableNodeID: the same machine under another key is the same peer. */
  readonly nodeId: string;
  readonly nodeKey: NodeKey;
  readonly discoKey: DiscoKey | undefined;
  readonly endpoints: readonly SockAddr[];
  /** `ip/bits`. */
  readonly allowedIps: readonly string[];
  readonly wireguardOnly: boolean;
  /** It may only answer us. */
  readonly jailed: boolean;
  readonly homeRegion: number | undefined;
  /** As the server said last. */
  readonly isOnline: boolean;
}

export interface PlaneConfig {
  readonly privateKey: PrivateKey;
  /** Our own addresses, `ip/bits`. */
  readonly addresses: readonly string[];
  readonly peers: readonly PlanePeer[];
  /** What the kernel sends into the tunnel, and what it keeps out of it all the same. */
  readonly routes: readonly string[];
  readonly localRoutes: readonly string[];
  /** Where peers may send packets through this machine: the routes that it advertises, as far as they are not to be kept from them. */
  readonly accepts: readonly string[];
  /** Private networks that this machine is in itself, while an exit node is used: it must not speak for them. */
  readonly beside?: readonly string[] | undefined;
  /** But for the port, which the plane knows. */
  readonly firewall: Omit<FirewallConfig, 'udpPort'>;
  /** Undefined = names are none of our business. */
  readonly dns: DnsWish | undefined;
  readonly derpMap: DerpMap | undefined;
  /** What the server knows to be wrong with this machine's kernel or drivers. */
  readonly engineFlags: EngineFlags;
  /** What peers may begin. */
  readonly filter: readonly FilterRuleSpec[];
  /** There are no rules because the user wants nobody to begin anything. */
  readonly shieldsUp: boolean;
}

/** How packets reach a peer now. */
export interface PlanePath {
  readonly kind: 'none' | 'direct' | 'relay';
  /** `ip:port` of a direct path. */
  readonly addr: string | undefined;
  /** Region of a relayed path. */
  readonly region: number | undefined;
  /** Wall clock ms; 0 = there never was another. */
  readonly sinceMs: number;
  readonly latencyMs: number | undefined;
  /** Why there is no direct path, in words. */
  readonly why: string | undefined;
  /** A direct path is being looked for. */
  readonly isSought: boolean;
}

/** Times are wall clock ms; 0 = never. */
export interface PlanePeerStatus {
  readonly lastHandshakeMs: number;
  readonly lastWriteMs: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly path: PlanePath;
  readonly wireguard: 'none' | 'handshake' | 'established' | 'expired';
  /** Sent or received in the last two minutes. */
  readonly active: boolean;
}

export interface PlaneEvents {
  /** The addresses at which others may reach us have changed. */
  endpoints(endpoints: readonly ControlEndpoint[]): void;
  /**
   * Whether a network interface besides loopback and the tunnel is up, and the addresses of all interfaces but the tunnel as
   * `ip/bits`, with the length of their network.
   */
  network(up: boolean, lan: readonly string[]): void;
  /** What a check found of the network under us, for the server; and whether it holds everything back until someone signs in. */
  netInfo(info: NetInfo, isCaptive: boolean): void;
  /** The home or the state of a relay connection changed. */
  relays(status: RelayStatus): void;
  /** Where our PeerAPI listens now. */
  peerApi(at: readonly SockAddr[]): void;
  /** The network under us has changed (address, route, wake from sleep). */
  linkChanged(): void;
  /** A handshake with some peer has just been completed. */
  peerUp(): void;
  /** The device or a socket is gone for good; undefined when it works again. */
  trouble(
    what:
      | 'tun-device'
      | 'no-udp4-bind'
      | 'router-failed'
      | 'firewall-failed'
      | 'docker-stateful-filtering'
      | 'ip-forwarding-off'
      | 'dns-forward-failing'
      | DnsTrouble,
    error: string | undefined,
  ): void;
}

export type DiscoPong = { readonly latencyMs: number } & (
  | { readonly endpoint: SockAddr; readonly region?: undefined }
  | { readonly endpoint?: undefined; readonly region: number }
);

export interface FilterReport {
  readonly shieldsUp: boolean;
  /** In the order in which they are looked at. */
  readonly rules: readonly ({ readonly rule: FilterRuleSpec } & FilterRuleCount)[];
  /** Connections of this machine that peers refused, newest last. */
  readonly refusals: readonly RefusedConnection[];
  readonly counters: Readonly<Record<string, number>>;
}

export interface DataPlane extends AsyncDisposable {
  readonly discoKey: DiscoKey;
  /** False when there is no TUN device. */
  readonly hasTun: boolean;
  /** Called once, before anything else. */
  attach(events: PlaneEvents): void;
  /**
   * Whole and idempotent; undefined takes everything away and keeps the device. `closed` is for then: what keeps packets
   * from leaving outside the tunnel that is not there (no map yet, a key that has expired), while the user wants an exit
   * node. Rejects with what to tell the user.
   */
  configure(config: PlaneConfig | undefined, closed?: KillSwitch | undefined): Promise<void>;
  /** Undefined for a peer that isn't configured. */
  peer(key: NodeKey): PlanePeerStatus | undefined;
  /** Whether packets from this address, which is canonical, can only be this peer's. */
  owns(key: NodeKey, ip: string): boolean;
  /** Inner packet into the tunnel. */
  send(key: NodeKey, packet: Uint8Array): void;
  /** Replies to our own pings: TSMP, and ICMP echo replies with our ident. */
  onInner(handle: (from: NodeKey, packet: Uint8Array) => void): void;
  /** Answers with the address or the relay region through which the answer came. `size` pads the datagram. */
  discoPing(key: NodeKey, signal: AbortSignal, size: number): Promise<DiscoPong>;
  /** Peers learn of a new home relay only while the server can be told. */
  setControlUp(isUp: boolean): void;
  relays(): RelayStatus;
  /** Counters of the engine by name. */
  stats(): Readonly<Record<string, bigint>>;
  /** What the packet filter's rules did since each came into force, and whom it and peers have refused. */
  filterReport(): FilterReport;
  /** Shows every inner packet to `tap`; undefined ends it. */
  capture(tap: Tap | undefined): void;
  /** What was announced last. */
  endpoints(): readonly ControlEndpoint[];
}
