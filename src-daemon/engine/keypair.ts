/** One transport keypair and the three slots of a peer (data-plane.md §1.5). */
import { copyOf } from '#shared/bytes/bytes.ts';
import {
  REJECT_AFTER_MS,
  REJECT_COUNTER_HIGH,
  REJECT_COUNTER_LOW,
  REKEY_COUNTER_HIGH,
} from '../wireguard/constants.ts';
import type { ReplayWindow } from '../wireguard/replay.ts';
import { DirectionCipher } from './cipher.ts';
import type { PeerState } from './peer.ts';
import type { Keypair } from './types.ts';

const U32 = 2 ** 32;

export class TransportKeypair {
  readonly peer: PeerState;
  readonly isInitiator: boolean;
  readonly localIndex: number;
  readonly remoteIndex: number;
  readonly createdMs: number;
  readonly sealer: DirectionCipher;
  readonly opener: DirectionCipher;
  /** Next counter to send, in two halves: no BigInt per packet. */
  sendHigh: number;
  sendLow: number;
  /** Made with the first packet received: idle keypairs are small. */
  replay: ReplayWindow | undefined;
  /** Sent ahead of everything else, once it may be. */
  firstPacket: Uint8Array | undefined;

  constructor(peer: PeerState, keypair: Keypair) {
    this.peer = peer;
    this.isInitiator = keypair.role === 'initiator';
    this.localIndex = keypair.localIndex;
    this.remoteIndex = keypair.remoteIndex;
    this.createdMs = keypair.createdMs;
    this.sealer = new DirectionCipher(keypair.sendKey);
    this.opener = new DirectionCipher(keypair.receiveKey);
    this.sendHigh = 0;
    this.sendLow = 0;
    this.replay = undefined;
    this.firstPacket = keypair.firstPacket === undefined ? undefined : copyOf(keypair.firstPacket);
  }

  isAlive(now: number): boolean {
    return now - this.createdMs < REJECT_AFTER_MS;
  }

  maySend(now: number): boolean {
    return this.isAlive(now) && (this.sendHigh < REJECT_COUNTER_HIGH || this.sendLow < REJECT_COUNTER_LOW);
  }

  get isWornOut(): boolean {
    return this.sendHigh > REKEY_COUNTER_HIGH || (this.sendHigh === REKEY_COUNTER_HIGH && this.sendLow > 0);
  }

  countSent(): void {
    this.sendLow++;
    if (this.sendLow === U32) {
      this.sendLow = 0;
      this.sendHigh++;
    }
  }

  expireSend(): void {
    this.sendHigh = REJECT_COUNTER_HIGH;
    this.sendLow = REJECT_COUNTER_LOW;
  }

  wipe(): void {
    this.sealer.wipe();
    this.opener.wipe();
    this.firstPacket = undefined;
  }
}

/** Which keypair is used for what; every change gives the keypairs that fell out. */
export class KeypairSlots {
  previous: TransportKeypair | undefined;
  current: TransportKeypair | undefined;
  next: TransportKeypair | undefined;

  constructor() {
    this.previous = undefined;
    this.current = undefined;
    this.next = undefined;
  }

  /** Our initiation was answered: usable at once. */
  installAsInitiator(keypair: TransportKeypair): TransportKeypair[] {
    const freed = [this.previous];
    if (this.next === undefined) {
      this.previous = this.current;
    } else {
      freed.push(this.current);
      this.previous = this.next;
      this.next = undefined;
    }
    this.current = keypair;
    return freed.filter((one) => one !== undefined);
  }

  /** We answered: not to be sent under before the peer has used it. */
  installAsResponder(keypair: TransportKeypair): TransportKeypair[] {
    const freed = [this.next, this.previous];
    this.previous = undefined;
    this.next = keypair;
    return freed.filter((one) => one !== undefined);
  }

  /** The first authentic packet under `next` came. */
  promote(): TransportKeypair[] {
    const freed = [this.previous];
    this.previous = this.current;
    this.current = this.next;
    this.next = undefined;
    return freed.filter((one) => one !== undefined);
  }

  clear(): TransportKeypair[] {
    const freed = [this.previous, this.current, this.next];
    this.previous = undefined;
    this.current = undefined;
    this.next = undefined;
    return freed.filter((one) => one !== undefined);
  }

  clearOlder(createdBeforeMs: number): TransportKeypair[] {
    const freed: TransportKeypair[] = [];
    for (const slot of ['previous', 'current', 'next'] as const) {
      const keypair = this[slot];
      if (keypair === undefined || keypair.createdMs >= createdBeforeMs) continue;
      freed.push(keypair);
      this[slot] = undefined;
    }
    return freed;
  }

  /** Identity changed: nothing more is sent, what is under way is still received. */
  expireSend(): void {
    this.current?.expireSend();
    this.next?.expireSend();
  }
}
