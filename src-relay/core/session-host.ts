/** What all connections of one relay share, and what is known of a client once it is in. */
import type { Clock, Random } from '#shared/async/clock.ts';
import type { X25519Private } from '#shared/crypto/x25519.ts';
import type { ClientInfo } from '#shared/derp/info.ts';
import type { NodeKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type { TokenBucket } from './bucket.ts';
import type { Courier, RelayPeer, RelayPeers } from './courier.ts';
import type { OutboxDeps } from './outbox.ts';
import type { Listener, Sources } from './sources.ts';
import type { TimerWheel } from './wheel.ts';

/** `S` is the session itself. */
export interface SessionHost<S> extends OutboxDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly wheel: TimerWheel;
  readonly peers: RelayPeers;
  readonly sources: Sources<Listener>;
  readonly own: X25519Private;
  readonly meshKey: Uint8Array | undefined;
  readonly greeting: Uint8Array;
  /** How long a client may leave what we send unread; 0 for ever. */
  readonly writeMs: number;
  readonly verify: ((key: NodeKey, source: string, signal: AbortSignal) => Promise<boolean>) | undefined;
  newBucket(): TokenBucket | undefined;
  onOpen(session: S): void;
  /** Only for those that were open. */
  onClosed(session: S): void;
  onHome(delta: 1 | -1): void;
  onWatch(session: S): void;
  closePeer(name: string): number;
}

export interface Member {
  /** The key, in both forms that the relay needs. */
  readonly name: string;
  readonly raw: Uint8Array;
  readonly info: ClientInfo;
  readonly isMesh: boolean;
  readonly openedAtMs: number;
  readonly openedAtWallMs: number;
  readonly peer: RelayPeer;
  readonly courier: Courier;
}
