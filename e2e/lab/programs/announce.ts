/**
 * Announces itself as an IPv6 router with a prefix and a name server on one link (RFC 4861 §4.2, RFC 8106 §5.1).
 *
 *   node announce.ts INTERFACE PREFIX LIFETIME     sends three advertisements; a lifetime of 0 takes them back
 */
import { setTimeout } from 'node:timers/promises';
import { closeFd, writeFd } from '../../../src-daemon/ffi/fd.ts';
import { AF_INET6, libc, O_CLOEXEC, SOCK_RAW } from '../../../src-daemon/ffi/libc.ts';
import { sockaddr } from '../../../src-daemon/ffi/sockets.ts';
import { parseIp } from '../../../src-shared/ip/address.ts';

const IPPROTO_IPV6 = 41;
const IPPROTO_ICMPV6 = 58;
const IPV6_MULTICAST_HOPS = 18;
const TIMES = 3;
const EVERY_MS = 100;

const [link = 'eth0', prefix = '2001:db8:bad::', lifetimeText = '1800'] = process.argv.slice(2);
const lifetime = Number(lifetimeText);
const ip = parseIp(prefix);
if (ip?.length !== 16) throw new TypeError(prefix);

const message = new Uint8Array(16 + 32 + 24);
const view = new DataView(message.buffer);
view.setUint8(0, 134);
view.setUint8(4, 64);
view.setUint16(6, lifetime);
// The prefix: on this link, and to make addresses from.
view.setUint8(16, 3);
view.setUint8(17, 4);
view.setUint8(18, 64);
view.setUint8(19, 0xc0);
view.setUint32(20, lifetime);
view.setUint32(24, lifetime);
message.set(ip, 32);
// A name server.
view.setUint8(48, 25);
view.setUint8(49, 3);
view.setUint32(52, lifetime);
message.set(ip, 56);
message[71] = 0x53;

const fd = libc().socket(AF_INET6, SOCK_RAW | O_CLOEXEC, IPPROTO_ICMPV6);
if (fd < 0) throw new Error('no raw socket');
const hops = new Uint8Array(Uint32Array.of(255).buffer);
libc().setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops, hops.length);
const everybody = sockaddr(`ff02::1%${link}`, 0);
libc().connect(fd, everybody, everybody.length);
for (let n = 0; n < TIMES; n++) {
  const refused = writeFd(fd, message);
  if (refused !== undefined) throw new Error(refused);
  await setTimeout(EVERY_MS);
}
closeFd(fd);
