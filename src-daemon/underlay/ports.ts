/** What the underlay needs of its parts; the real ones are Netcheck, PortMapper and DerpClients. */
import type { SockAddr } from '#shared/ip/address.ts';
import type { NodeKey, PrivateKey } from '#shared/key/key.ts';
import type { Netcheck } from '#shared/netcheck/check.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import type { DerpCounters, RelayState } from '../derp/types.ts';

export type Checker = Pick<Netcheck, 'run' | 'fastStun' | 'handleStun' | 'networkChanged' | 'counters'>;

export interface Mapper extends AsyncDisposable {
  setLocalPort(port: number): void;
  /** The address that the router forwards to us; begins to get one when there is none. */
  mapped(): SockAddr | undefined;
  networkChanged(isDown: boolean): void;
}

export interface Relays extends AsyncDisposable {
  readonly home: number;
  setIdentity(key: PrivateKey | undefined): void;
  setMap(map: DerpMap | undefined): void;
  setHome(region: number): void;
  heardAtMs(region: number): number | undefined;
  /** `isUsable` tells whether one of our addresses is still there. */
  networkChanged(isUsable: (localIp: string) => boolean): void;
  /** IPv6 is then dialled first. */
  setIpv6Working(isWorking: boolean): void;
  /** False where the region is not in the map. Copies the packet. */
  send(region: number, to: NodeKey, packet: Uint8Array): boolean;
  /** The region through which the peer is reached right now. */
  routeFor(peer: NodeKey, homeRegion: number | undefined): number | undefined;
  regions(): readonly RelayState[];
  counters(): DerpCounters;
}
