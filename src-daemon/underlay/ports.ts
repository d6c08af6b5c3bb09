/** What the underlay needs of its parts; the real ones are Netcheck, PortMapper and DerpClients. */
import type { SockAddr } from '#shared/ip/address.ts';
import type { NodeKey, PrivateKey } from '#shared/key/key.ts';
import type { NetReport } from '#shared/netcheck/report.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import type { RelayState } from '../derp/types.ts';

export interface Checker {
  run(
    options: {
      readonly map: DerpMap;
      /** 0 = none. */
      readonly home: number;
      /** Clock's monotonic ms at which a relay region was last heard. */
      heardAtMs(region: number): number | undefined;
      readonly full: boolean;
    },
    signal: AbortSignal,
  ): Promise<NetReport>;
  /** Only our addresses, quickly (nat-traversal.md §11.2); undefined when nobody answered. */
  fastStun(
    options: { readonly map: DerpMap; readonly home: number },
    signal: AbortSignal,
  ): Promise<{ readonly v4?: SockAddr | undefined; readonly v6?: SockAddr | undefined } | undefined>;
}

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
  networkChanged(): void;
  /** False where the region is not in the map. Copies the packet. */
  send(region: number, to: NodeKey, packet: Uint8Array): boolean;
  /** The region through which the peer is reached right now. */
  routeFor(peer: NodeKey, homeRegion: number | undefined): number | undefined;
  regions(): readonly RelayState[];
}
