/** The number of a network interface in this namespace (netdevice(7), SIOCGIFINDEX). */
import { AF_INET, isLittleEndian, libc, O_CLOEXEC, SOCK_DGRAM } from './libc.ts';
import { IFREQ_BYTES } from './tun-device.ts';

const SIOCGIFINDEX = 0x8933;
const IFNAMSIZ = 16;

/** Undefined when there is no such interface. */
export function interfaceIndex(name: string): number | undefined {
  const c = libc();
  const socket = c.socket(AF_INET, SOCK_DGRAM | O_CLOEXEC, 0);
  if (socket < 0) return undefined;
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(Buffer.from(name, 'latin1').subarray(0, IFNAMSIZ - 1));
  const failed = c.ioctl(socket, SIOCGIFINDEX, 'uint8_t *', request) < 0;
  c.close(socket);
  return failed ? undefined : new DataView(request.buffer).getInt32(IFNAMSIZ, isLittleEndian());
}
