/** What the portable engine keeps of one peer: slots, path, staged packets, activity words and counts. */
import { copyOf } from '#shared/bytes/bytes.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { Bucket } from './bucket.ts';
import { synBucket } from './drop-samples.ts';
import { KeypairSlots } from './keypair.ts';
import { StagedQueue } from './staging.ts';
import type { HandshakeReason, PeerActivity, PeerId, PeerPath, SocketId } from './types.ts';

/** Addresses of a peer that are new and told of. It has few, but may send from as many as it likes. */
export const MOVE_BURST = 8;
export const MOVES_PER_MS = 8 / 1_000;

const NO_PATH: PeerPath = { mode: 'none' };

/** All fields are set here and in one order: objects of one shape on the hot path. */
export class PeerState {
  readonly id: PeerId;
  readonly publicKey: Uint8Array;
  readonly wireguardOnly: boolean;
  readonly jailed: boolean;
  readonly slots: KeypairSlots;
  readonly staged: StagedQueue;
  path: PeerPath;
  /** Handshake message that waits for a path; only the newest counts. */
  heldDatagram: Uint8Array | undefined;
  heldSince: number;

  unansweredSince: number;
  keepaliveOwedSince: number;
  lastTxAny: number;
  lastRxAny: number;
  rxBestAt: number;
  lastHandshakeMs: number;
  txBytes: number;
  rxBytes: number;
  txPackets: number;
  rxPackets: number;

  /** Edges already told, so that each is told once a second. */
  neededAt: Map<HandshakeReason, number> | undefined;
  neededPathAt: number;
  newAddress: SockAddr | undefined;
  newAddressVia: SocketId;
  newAddressAt: number;
  readonly moves: Bucket;
  relayCookieAt: number;
  readonly dropSamples: Bucket;

  constructor(options: {
    readonly id: PeerId;
    readonly publicKey: Uint8Array;
    readonly wireguardOnly: boolean;
    readonly jailed: boolean;
  }) {
    this.id = options.id;
    this.publicKey = copyOf(options.publicKey);
    this.wireguardOnly = options.wireguardOnly;
    this.jailed = options.jailed;
    this.slots = new KeypairSlots();
    this.staged = new StagedQueue();
    this.path = NO_PATH;
    this.heldDatagram = undefined;
    this.heldSince = 0;
    this.unansweredSince = 0;
    this.keepaliveOwedSince = 0;
    this.lastTxAny = 0;
    this.lastRxAny = 0;
    this.rxBestAt = 0;
    this.lastHandshakeMs = 0;
    this.txBytes = 0;
    this.rxBytes = 0;
    this.txPackets = 0;
    this.rxPackets = 0;
    this.neededAt = undefined;
    this.neededPathAt = Number.NEGATIVE_INFINITY;
    this.newAddress = undefined;
    this.newAddressVia = 0;
    this.newAddressAt = Number.NEGATIVE_INFINITY;
    this.moves = { tokens: MOVE_BURST, at: 0 };
    this.relayCookieAt = Number.NEGATIVE_INFINITY;
    this.dropSamples = synBucket();
  }

  get hadTraffic(): boolean {
    return this.lastTxAny !== 0 || this.lastRxAny !== 0;
  }

  activity(): PeerActivity {
    return {
      peer: this.id,
      unansweredSince: this.unansweredSince,
      keepaliveOwedSince: this.keepaliveOwedSince,
      lastTxAny: this.lastTxAny,
      lastRxAny: this.lastRxAny,
      rxBestAt: this.rxBestAt,
      lastHandshakeMs: this.lastHandshakeMs,
      txBytes: this.txBytes,
      rxBytes: this.rxBytes,
      txPackets: this.txPackets,
      rxPackets: this.rxPackets,
    };
  }
}
