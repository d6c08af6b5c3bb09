/** Which frames a relay takes from its clients, and of which sizes (nat-traversal.md §1.5). */
import {
  FrameType,
  KEY_BYTES,
  MAX_CLIENT_INFO_BYTES,
  MAX_PACKET_BYTES,
  MAX_PING_BYTES,
  PING_BYTES,
} from '#shared/derp/frames.ts';
import { Verdict } from './inbox.ts';
import { MIN_CLIENT_INFO_BYTES } from './limits.ts';

/** The only frame before somebody is a client. */
export const isClientInfo = (type: number, length: number): boolean =>
  type === FrameType.ClientInfo && length >= MIN_CLIENT_INFO_BYTES && length <= MAX_CLIENT_INFO_BYTES;

/** A known frame of a wrong size, or one that only other relays may send, fails; an unknown one is skipped. */
export function judgeFrame(type: number, length: number, isMesh: boolean): Verdict {
  switch (type) {
    case FrameType.SendPacket:
      return verdict(length >= KEY_BYTES && length <= KEY_BYTES + MAX_PACKET_BYTES);
    case FrameType.ForwardPacket:
      return verdict(isMesh && length >= 2 * KEY_BYTES && length <= 2 * KEY_BYTES + MAX_PACKET_BYTES);
    case FrameType.NotePreferred:
      return verdict(length === 1);
    case FrameType.WatchConns:
      return verdict(isMesh && length === 0);
    case FrameType.ClosePeer:
      return verdict(isMesh && length === KEY_BYTES);
    case FrameType.Ping:
      return verdict(length >= PING_BYTES && length <= MAX_PING_BYTES);
    case FrameType.Pong:
      // The official relay never pings, so this one is unknown to it and may have any size.
      return length <= MAX_PING_BYTES ? Verdict.Take : Verdict.Skip;
    default:
      return Verdict.Skip;
  }
}

const verdict = (isRight: boolean): Verdict => (isRight ? Verdict.Take : Verdict.Fail);
