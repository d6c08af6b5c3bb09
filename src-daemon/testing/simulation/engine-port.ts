/** What a simulated machine needs of an engine, and the packets that travel between two of them. */
import type { SockAddr } from '#shared/ip/address.ts';
import type { NodeKey } from '#shared/key/key.ts';
import type { PeerId, PeerPath, SocketId } from '../../engine/types.ts';
import type { Activity } from '../../magicsock/types.ts';

export interface ModelPacket {
  readonly sequence: number;
  readonly kind: 'data' | 'echo' | 'answer' | 'keepalive';
  /** Of the first transmission; copies carry the same. */
  readonly sentMs: number;
}

/** A simulated machine's engine: this model, or the real one with its tunnel. */
export interface EnginePort {
  start(): Promise<void>;
  /** Before the peer is ever configured, and again when the daemon starts anew. */
  add(peer: PeerId, token: number, nodeKey: NodeKey): void;
  pathOf(peer: PeerId): PeerPath;
  activity(ids: readonly PeerId[]): readonly Activity[];
  setPath(peer: PeerId, path: PeerPath): void;
  send(peer: PeerId, kind: ModelPacket['kind']): void;
  /** A datagram of path choice or of a network check; gives the system's error name. */
  sendRaw(to: SockAddr, data: Uint8Array, via: SocketId): string | undefined;
  openSocket(id: SocketId, family: 4 | 6): void;
  closeSocket(id: SocketId): void;
  /** A relay brought it. */
  relayed(peer: PeerId, region: number, data: Uint8Array): void;
  met(peer: PeerId): void;
  /** A new session, unless there is one. */
  greet(peer: PeerId): void;
  /** Of the socket that everything uses. */
  portOf(family: 4 | 6): number;
  close(): Promise<void>;
}

export interface EngineEvents {
  stun(data: Uint8Array): void;
  disco(from: SockAddr, data: Uint8Array, via: SocketId): void;
  /** A datagram of the data plane is about to leave. */
  sending(to: SockAddr, data: Uint8Array): void;
  needPath(peer: PeerId): void;
  peerActive(peer: PeerId): void;
  newAddress(peer: PeerId, from: SockAddr, via: SocketId): void;
  pathError(peer: PeerId, code: string): void;
  /** For the host, once however many copies came. */
  deliver(peer: PeerId, packet: ModelPacket, isDirect: boolean): void;
  sendRelay(region: number, peer: PeerId, data: Uint8Array): void;
}

const KINDS = ['data', 'echo', 'answer', 'keepalive'] as const;

export const kindAt = (code: number): ModelPacket['kind'] => KINDS[code] ?? 'data';
export const codeOf = (kind: ModelPacket['kind']): number => KINDS.indexOf(kind);
