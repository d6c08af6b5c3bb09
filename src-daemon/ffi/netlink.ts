/** Netlink sockets on which the kernel tells what changed: links, addresses, routes, rules, the firewall (koffi; rtnetlink(7)). */
import { RhumbError } from '#shared/errors.ts';
import { closeFd, readFd, watchReadable } from './fd.ts';
import { errnoName, libc, O_CLOEXEC, O_NONBLOCK } from './libc.ts';

/** sys/socket.h, linux/netlink.h, linux/rtnetlink.h */
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const NETLINK_NETFILTER = 12;
const RTMGRP_LINK = 0x1;
const RTMGRP_IPV4_IFADDR = 0x10;
const RTMGRP_IPV4_ROUTE = 0x40;
const RTMGRP_IPV6_IFADDR = 0x100;
const RTMGRP_IPV6_ROUTE = 0x400;
const NETWORK = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE;
/** Groups 8 and 19: rtnetlink.h names no masks for them. */
const RULES = (1 << 7) | (1 << 18);
/** linux/netfilter/nfnetlink.h: NFNLGRP_NFTABLES is 7. */
const NFTABLES = 1 << 6;
/** struct sockaddr_nl: family(2), padding(2), port id(4), groups(4). */
const SOCKADDR_NL_BYTES = 12;

/** The kernel sends no larger datagrams to a listener. */
const BUFFER_BYTES = 32_768;
/** Datagrams taken per turn of the event loop: ten thousand routes being set must not hold up packets. */
const DRAIN = 64;

/** What to be told of: `rules` are the policy rules, with the routes and addresses; `nftables` needs CAP_NET_ADMIN. */
export type NetlinkTopic = 'network' | 'rules' | 'nftables';

/**
 * Hands over what the kernel tells until aborted (resolves); rejects when the socket breaks. Undefined = more happened
 * than the socket holds. The bytes are valid only during the call.
 */
export function followNetlink(
  topic: NetlinkTopic,
  told: (datagram: Uint8Array | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const fd = openEvents(topic);
    const buffer = new Uint8Array(BUFFER_BYTES);
    const end = (): void => {
      unwatch();
      closeFd(fd);
      signal.removeEventListener('abort', stop);
    };
    const stop = (): void => {
      end();
      resolve();
    };
    const unwatch = watchReadable(fd, () => {
      for (let i = 0; i < DRAIN; i++) {
        const count = readFd(fd, buffer);
        if (count === 0) return;
        if (count === 'ENOBUFS') told(undefined);
        else if (typeof count === 'string') {
          end();
          reject(new RhumbError('unavailable', `read the kernel's network events: ${count}`));
          return;
        } else told(buffer.subarray(0, count));
        // Whoever was told may have ended it.
        if (signal.aborted) return;
      }
    });
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** A non-blocking socket subscribed to a topic. */
function openEvents(topic: NetlinkTopic): number {
  const protocol = topic === 'nftables' ? NETLINK_NETFILTER : NETLINK_ROUTE;
  const groups = topic === 'nftables' ? NFTABLES : topic === 'rules' ? NETWORK | RULES : NETWORK;
  const fd = libc().socket(AF_NETLINK, SOCK_RAW | O_NONBLOCK | O_CLOEXEC, protocol);
  if (fd < 0) throw failed('open');
  const address = new Uint8Array(SOCKADDR_NL_BYTES);
  // Native order; the port id stays 0, so that the kernel chooses one.
  address.set(new Uint8Array(Uint16Array.of(AF_NETLINK).buffer), 0);
  address.set(new Uint8Array(Uint32Array.of(groups).buffer), 8);
  if (libc().bind(fd, address, address.length) < 0) {
    const error = failed('subscribe to');
    closeFd(fd);
    throw error;
  }
  return fd;
}

const failed = (what: string): RhumbError =>
  new RhumbError('unavailable', `${what} the kernel's network events: ${errnoName()}`);
