/** What the parts of the port mapping client tell each other (nat-traversal.md §3). */
import type { SockAddr } from '../ip/address.ts';
import type { LanAnswer, LanRequest } from '../node/lan-fetch.ts';
import type { LanSocket, LanSocketOptions } from '../node/lan-udp.ts';

export type Protocol = 'nat-pmp' | 'pcp' | 'upnp';

/** This machine's way out over IPv4: addresses in canonical text. */
export interface Gateway {
  readonly gateway: string;
  readonly self: string;
}

/** What a mapping holds for: if any of it changes, the mapping is void. */
export interface Link extends Gateway {
  readonly port: number;
}

/** Which services answered. */
export interface Services {
  readonly pmp: boolean;
  readonly pcp: boolean;
  readonly upnp: boolean;
}

/**
 * `public` addresses can be reached from anywhere as far as anybody here can tell; with `double-nat` the router itself is
 * behind another one, so the address means nothing outside (nat-traversal.md §9.7).
 */
export type Reach = 'public' | 'double-nat';

interface Leased {
  readonly external: SockAddr;
  readonly reach: Reach;
  /** Monotonic ms. */
  readonly renewAtMs: number;
  readonly goodUntilMs: number;
}

/** A mapping on the router, with what it takes to renew and to release it. */
export type Mapping = Leased &
  (
    | { readonly protocol: 'nat-pmp' }
    | { readonly protocol: 'pcp'; readonly nonce: Uint8Array }
    | { readonly protocol: 'upnp'; readonly service: UpnpService; readonly isPermanent: boolean }
  );

/** A connection service of the router. */
export interface UpnpService {
  /** Its URN, which SOAP calls repeat. */
  readonly type: string;
  /** Where to POST, always at the gateway. */
  readonly controlUrl: string;
}

/** A UDP socket on this machine's own address. */
export type OpenPortmapSocket = (options: LanSocketOptions) => Promise<LanSocket>;
/** To the router's HTTP server, bounded in size and time by whoever does it. */
export type Fetch = (request: LanRequest, signal: AbortSignal) => Promise<LanAnswer>;
