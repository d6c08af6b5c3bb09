/** The number of a network interface: of this namespace on Linux (netdevice(7), SIOCGIFINDEX), elsewhere as its addresses tell. */
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { AF_INET, isLittleEndian, libc, O_CLOEXEC, SOCK_DGRAM } from './libc.ts';
import { IFREQ_BYTES } from './tun-device.ts';

const SIOCGIFINDEX = 0x8933;
const IFNAMSIZ = 16;

/** Undefined when there is no such interface. */
export function interfaceIndex(name: string): number | undefined {
  if (process.platform !== 'linux') return indexByAddress(name, networkInterfaces());
  const c = libc();
  const socket = c.socket(AF_INET, SOCK_DGRAM | O_CLOEXEC, 0);
  if (socket < 0) return undefined;
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(Buffer.from(name, 'latin1').subarray(0, IFNAMSIZ - 1));
  const failed = c.ioctl(socket, SIOCGIFINDEX, 'uint8_t *', request) < 0;
  c.close(socket);
  return failed ? undefined : new DataView(request.buffer).getInt32(IFNAMSIZ, isLittleEndian());
}

/** The zone of its link-local address is its number (RFC 4007 §6); without one nothing of IPv6 is done on it. */
export function indexByAddress(
  name: string,
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
): number | undefined {
  const zones = (interfaces[name] ?? []).map((one) => (one.family === 'IPv6' ? one.scopeid : 0));
  return zones.find((zone) => zone !== 0);
}
