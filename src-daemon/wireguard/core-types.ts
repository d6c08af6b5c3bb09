/** What goes into the handshake core and what comes out of it. */
import type { SockAddr } from '#shared/ip/address.ts';
import type { SessionKeys } from './noise.ts';

export type CorePeerId = number;

/** Where a message came from: an address, and the engine's number of the socket when it was an extra one. */
export interface Origin extends SockAddr {
  readonly via?: number | undefined;
}

export interface CorePeer {
  readonly peer: CorePeerId;
  readonly publicKey: Uint8Array;
  readonly presharedKey?: Uint8Array | undefined;
  readonly persistentKeepaliveMs?: number | undefined;
}

/** The engine's clock and the wall clock at one instant. */
export interface Moment {
  readonly nowMs: number;
  readonly wallMs: number;
}

export interface NewKeypair extends SessionKeys {
  readonly peer: CorePeerId;
  readonly role: 'initiator' | 'responder';
  readonly localIndex: number;
  readonly createdMs: number;
}

export type CoreEffect =
  /** A handshake message; `answering` is where the message it answers came from, when that was UDP. */
  | {
      readonly do: 'send';
      readonly peer: CorePeerId;
      readonly data: Uint8Array;
      readonly answering: Origin | undefined;
    }
  /** An authentic handshake message came from this address. */
  | { readonly do: 'heard'; readonly peer: CorePeerId; readonly from: Origin }
  | { readonly do: 'install'; readonly keypair: NewKeypair }
  | { readonly do: 'pending-add' | 'pending-del'; readonly peer: CorePeerId; readonly index: number }
  | {
      readonly do: 'keepalive' | 'erase' | 'expire-send' | 'drop-staged';
      readonly peer: CorePeerId;
    }
  | { readonly do: 'erase-older'; readonly peer: CorePeerId; readonly createdBeforeMs: number };

export interface HandshakeStatus {
  /** Wall clock ms of the last completed handshake. */
  readonly lastHandshakeAt: number | undefined;
  readonly state: 'none' | 'handshake' | 'established' | 'expired';
}

/** Why handshake messages were dropped, and how many were sent and accepted. */
export interface CoreCounters {
  initiationsSent: number;
  initiationsAccepted: number;
  responsesAccepted: number;
  cookiesAccepted: number;
  dropMalformed: number;
  dropNotAuthentic: number;
  dropUnknownPeer: number;
  dropReplayed: number;
  dropFlood: number;
  dropNotPending: number;
  dropCookie: number;
}
