/** Disco messages to and from peers: sealed, opened, counted, by the socket or the relay that their target names. */
import { fromHex } from '#shared/bytes/hex.ts';
import type { DiscoMessage } from '#shared/disco/message.ts';
import { RhumbError } from '#shared/errors.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { DiscoKey, NodeKey } from '#shared/key/key.ts';
import { DiscoBox, type DiscoDrop } from '../disco/disco-box.ts';
import type { Target, TxId } from './path-types.ts';
import type { MagicsockDeps, PeerConfig } from './types.ts';

/** Datagram length of a ping without padding. */
const PING_LENGTH = 124;

type LinkDeps = Pick<MagicsockDeps, 'sendUdp' | 'sendRelay' | 'nowMs' | 'discoPrivate' | 'nodeKey'>;

export class DiscoLink {
  readonly #deps: LinkDeps;
  readonly #box: DiscoBox;
  readonly #counters = new Map<string, number>();
  /** Our own, told in pings. */
  nodeKey: NodeKey;

  constructor(deps: LinkDeps, random: (length: number) => Uint8Array) {
    this.#deps = deps;
    this.#box = new DiscoBox(deps.discoPrivate, random);
    this.nodeKey = deps.nodeKey;
  }

  get publicKey(): DiscoKey {
    return this.#box.publicKey;
  }

  setPeers(keys: Iterable<DiscoKey>): void {
    this.#box.setPeers(keys);
  }

  changePeers(removed: Iterable<DiscoKey>, added: Iterable<DiscoKey>): void {
    this.#box.changePeers(removed, added);
  }

  /** Undefined, and counted, for what is no message of a known peer. */
  open(
    datagram: Uint8Array,
    from: SockAddr | NodeKey,
  ): { readonly sender: DiscoKey; readonly message: DiscoMessage } | undefined {
    const opened = this.#box.open(datagram, from, this.#deps.nowMs());
    if (opened.ok) return opened;
    this.drop(opened.why satisfies DiscoDrop);
    return undefined;
  }

  /** `size` is that of the whole datagram, 0 for no padding. */
  ping(peer: PeerConfig, to: Target, { txId, size }: { readonly txId: TxId; readonly size: number }): void {
    const padding = Math.max(0, size - PING_LENGTH);
    this.#send(peer, to, { type: 'ping', txId: bytesOf(txId), nodeKey: this.nodeKey, padding });
  }

  pong(peer: PeerConfig, to: Target, txId: TxId): void {
    this.#send(peer, to, { type: 'pong', txId: bytesOf(txId), source: sourceOf(to) });
  }

  call(peer: PeerConfig, region: number, endpoints: readonly SockAddr[]): void {
    this.#send(peer, { kind: 'relay', region }, { type: 'call-me-maybe', endpoints });
  }

  drop(why: string): void {
    this.count(`drop.${why}`);
  }

  count(name: string): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1);
  }

  counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counters);
  }

  #send({ discoKey, nodeKey }: PeerConfig, to: Target, message: DiscoMessage): void {
    const datagram = discoKey === undefined ? undefined : this.#box.seal(discoKey, message);
    if (datagram === undefined) return;
    if (to.kind === 'relay') {
      this.count(`tx.relayed-${message.type}`);
      this.#deps.sendRelay(to.region, nodeKey, datagram);
      return;
    }
    this.count(`tx.${message.type}`);
    if (to.via === 0) this.#deps.sendUdp(to.addr, datagram);
    else this.#deps.sendUdp(to.addr, datagram, to.via);
  }
}

/** A relay has no address; official peers see its region written as one (nat-traversal.md §1.12). */
const sourceOf = (to: Target): SockAddr =>
  to.kind === 'udp' ? to.addr : { ip: '127.3.3.40', port: to.region & 0xffff };

function bytesOf(txId: TxId): Uint8Array {
  const bytes = fromHex(txId);
  if (bytes === undefined) throw new RhumbError('internal', 'a transaction id is not hex');
  return bytes;
}
