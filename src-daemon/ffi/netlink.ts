/** Opens the kernel's route netlink socket, which tells of links, addresses and routes (koffi; rtnetlink(7)). */
import { RhumbError } from '#shared/errors.ts';
import { closeFd } from './fd.ts';
import { errnoName, libc, O_CLOEXEC, O_NONBLOCK } from './libc.ts';

/** sys/socket.h, linux/netlink.h, linux/rtnetlink.h */
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const RTMGRP_LINK = 0x1;
const RTMGRP_IPV4_IFADDR = 0x10;
const RTMGRP_IPV4_ROUTE = 0x40;
const RTMGRP_IPV6_IFADDR = 0x100;
const RTMGRP_IPV6_ROUTE = 0x400;
const GROUPS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE;
/** struct sockaddr_nl: family(2), padding(2), port id(4), groups(4). */
const SOCKADDR_NL_BYTES = 12;

/** A non-blocking socket subscribed to all changes; needs no privilege. The caller closes it with `closeFd`. */
export function openRouteEvents(): number {
  const fd = libc().socket(AF_NETLINK, SOCK_RAW | O_NONBLOCK | O_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) throw failed('open');
  const address = new Uint8Array(SOCKADDR_NL_BYTES);
  // Native order; the port id stays 0, so that the kernel chooses one.
  address.set(new Uint8Array(Uint16Array.of(AF_NETLINK).buffer), 0);
  address.set(new Uint8Array(Uint32Array.of(GROUPS).buffer), 8);
  if (libc().bind(fd, address, address.length) < 0) {
    const error = failed('subscribe to');
    closeFd(fd);
    throw error;
  }
  return fd;
}

const failed = (what: string): RhumbError =>
  new RhumbError('unavailable', `${what} the kernel's network events: ${errnoName()}`);
