/** Follows the kernel's network events on Linux and says which of them are worth a look. */
import { followNetlink } from '../ffi/netlink.ts';

/** linux/rtnetlink.h */
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTN_UNICAST = 1;

/** struct nlmsghdr: length(4), type(2), flags(2), sequence(4), port(4); messages begin at multiples of 4. */
const HEADER_BYTES = 16;
/** struct rtmsg: destination's length at 1, type at 7. */
const ROUTE_DESTINATION_BITS = 1;
const ROUTE_TYPE = 7;
const ROUTE_BYTES = 12;
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Calls `onEvent` until aborted (resolves); rejects when the socket breaks. */
export const watchNetlink = (onEvent: () => void, signal: AbortSignal): Promise<void> =>
  followNetlink(
    'network',
    (datagram) => {
      // More happened than the socket holds: something changed, whatever it was.
      if (datagram === undefined || isNews(datagram)) onEvent();
    },
    signal,
  );

/**
 * Links, addresses and default routes. Other routes are not: our own, one per peer, are most of them, and none of them
 * says anything about how this machine reaches the world.
 */
export function isNews(datagram: Uint8Array): boolean {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  for (let at = 0; at + HEADER_BYTES <= datagram.length; ) {
    const length = view.getUint32(at, IS_LITTLE_ENDIAN);
    if (length < HEADER_BYTES || at + length > datagram.length) return false;
    if (
      isNewsMessage(
        view.getUint16(at + 4, IS_LITTLE_ENDIAN),
        datagram.subarray(at + HEADER_BYTES, at + length),
      )
    )
      return true;
    at += (length + 3) & ~3;
  }
  return false;
}

function isNewsMessage(type: number, body: Uint8Array): boolean {
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return true;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return (
        body.length >= ROUTE_BYTES && body[ROUTE_DESTINATION_BITS] === 0 && body[ROUTE_TYPE] === RTN_UNICAST
      );
    default:
      return false;
  }
}
