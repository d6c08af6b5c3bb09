/** What an idle client hears now and then, and when it counts as gone. */
import { Buffer } from 'node:buffer';
import { PING_BYTES } from '#shared/derp/frames.ts';
import { encodeKeepAlive, encodePing } from '#shared/derp/messages.ts';
import { MAX_SILENT_PINGS } from './limits.ts';

const KEEPALIVE = encodeKeepAlive();

export class KeepAlive {
  /** Pings since the client was last heard of. */
  #silentTimes = 0;
  /** The ping that is under way. */
  #pingAtMs: number | undefined;

  heard(): void {
    this.#silentTimes = 0;
  }

  /**
   * The frame to send now. Where the client answers pings, one of ours keeps the line open as well, and tells the
   * round-trip time. Undefined for a client that has left too many of them unanswered: the kernel would go on trying for a
   * quarter of an hour, and Node can't set TCP_USER_TIMEOUT (nat-traversal.md §1.10).
   */
  next(canAckPings: boolean, nowMs: number): Uint8Array | undefined {
    if (!canAckPings) return KEEPALIVE;
    if (this.#silentTimes++ >= MAX_SILENT_PINGS) return undefined;
    this.#pingAtMs = nowMs;
    const data = Buffer.alloc(PING_BYTES);
    data.writeDoubleBE(nowMs);
    return encodePing(data);
  }

  /** The round-trip time, for the first pong after a ping. */
  pong(nowMs: number): number | undefined {
    const rttMs = this.#pingAtMs === undefined ? undefined : nowMs - this.#pingAtMs;
    this.#pingAtMs = undefined;
    return rttMs;
  }
}
