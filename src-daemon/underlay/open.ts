/** Puts the underlay together from the real parts: network check, port mapper, relay connections. */
import type { Clock, Random } from '#shared/async/clock.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { NodeKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { Netcheck, type NetcheckOptions } from '#shared/netcheck/check.ts';
import { type NetInfo, netInfoOf } from '#shared/netcheck/net-info.ts';
import { PortMapper, type PortMapperDeps } from '#shared/portmap/port-mapper.ts';
import type { Gateway } from '#shared/portmap/types.ts';
import { DerpClients } from '../derp/clients.ts';
import type { Dial } from '../derp/types.ts';
import type { OwnEndpoint } from './own-endpoints.ts';
import { Underlay } from './underlay.ts';

/** What the underlay needs of the data plane, and tells it. */
export interface Around {
  /** From the socket that WireGuard uses; false when the system refused. */
  sendUdp(to: SockAddr, datagram: Uint8Array): boolean;
  /** The machine has an address of the family besides loopback. */
  hasFamily(family: 4 | 6): boolean;
  /** Of the UDP socket; 0 while there is none. */
  port(): number;
  /** Clock's monotonic ms of the last packet to any peer. */
  lastTrafficMs(): number;
  /** `data` is valid during the call only. */
  relayed(region: number, from: NodeKey, data: Uint8Array): void;
  /** The relay no longer has that peer. */
  peerGone(region: number, key: NodeKey): void;
  endpoints(list: readonly OwnEndpoint[]): void;
  checked(info: NetInfo, isCaptive: boolean): void;
  relaysChanged(): void;
}
export type OpenUnderlay = (around: Around) => Underlay;

export interface UnderlaySystem {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The user asked for this very port, so that a router may have a static forward for it. */
  readonly isPortFixed: boolean;
  /** The way out over IPv4 as it is now. */
  readonly gateway: () => Gateway | undefined;
  /** How to look without UDP, and for portals. */
  readonly probes: Pick<NetcheckOptions, 'resolve' | 'https' | 'icmp' | 'captive' | 'osHasIpv6' | 'hairpin'>;
  /** How relays are dialled; the system's way by default. */
  readonly dial?: Dial | undefined;
  /** Sockets to the router; the system's by default. */
  readonly lan?: Pick<PortMapperDeps, 'openUdp' | 'openAnnouncements' | 'fetch'> | undefined;
}

export function openUnderlay(system: UnderlaySystem, around: Around): Underlay {
  const { clock, random, log, isPortFixed, gateway, probes, dial, lan } = system;
  const mapper = new PortMapper({
    ...lan,
    clock,
    random,
    log: log.child({ mod: 'portmap' }),
    gateway,
    changed: () => underlay.mappingChanged(),
  });
  const checker = new Netcheck({
    ...probes,
    clock,
    log: log.child({ mod: 'netcheck' }),
    stun: { send: (to, data) => around.sendUdp(to, data), canSend: (family) => around.hasFamily(family) },
    portmap: (signal) => mapper.probe(signal),
  });
  const relays = new DerpClients({
    clock,
    dial,
    random,
    log: log.child({ mod: 'derp' }),
    onPacket: (region, from, data) => around.relayed(region, from, data),
    onPeerGone: (region, key) => around.peerGone(region, key),
    onState: (_region, { state, lastError }) =>
      underlay.relayChanged(state === 'waiting' && lastError !== undefined),
  });
  const underlay: Underlay = new Underlay({
    clock,
    random,
    log,
    checker,
    mapper,
    relays,
    isPortFixed,
    port: () => around.port(),
    lastTrafficMs: () => around.lastTrafficMs(),
    events: {
      endpoints: (list) => around.endpoints(list),
      checked: (report, home) =>
        around.checked(
          netInfoOf(report, { home, havePortMap: mapper.mapped() !== undefined }),
          report.captivePortal === true,
        ),
      relaysChanged: () => around.relaysChanged(),
    },
  });
  return underlay;
}
