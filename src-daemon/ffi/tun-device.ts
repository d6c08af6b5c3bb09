/** Making a TUN device and setting its MTU (linux/if_tun.h, netdevice(7)). */
import { AF_INET, errnoName, isLittleEndian, libc, O_CLOEXEC, O_NONBLOCK, SOCK_DGRAM } from './libc.ts';

const O_RDWR = 2;
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const SIOCSIFMTU = 0x8922;
/** struct ifreq: 16 bytes of name, then a union of 24. */
export const IFREQ_BYTES = 40;
const IFNAMSIZ = 16;

export type TunOpen =
  | { readonly ok: true; readonly fd: number; readonly name: string }
  | { readonly ok: false; readonly step: 'open' | 'attach'; readonly code: string };

/**
 * Opens a non-blocking, non-persistent TUN without packet information; the kernel removes it with the descriptor. The
 * caller closes `fd` with `closeFd`.
 */
export function openTun(name: string): TunOpen {
  return openDevice(name, IFF_TUN);
}

/** The same with whole Ethernet frames. */
export function openTap(name: string): TunOpen {
  return openDevice(name, IFF_TAP);
}

function openDevice(name: string, kind: number): TunOpen {
  const c = libc();
  const fd = c.open('/dev/net/tun', O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return { ok: false, step: 'open', code: errnoName() };
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(Buffer.from(name, 'latin1').subarray(0, IFNAMSIZ - 1));
  new DataView(request.buffer).setUint16(IFNAMSIZ, kind | IFF_NO_PI, isLittleEndian());
  if (c.ioctl(fd, TUNSETIFF, 'uint8_t *', request) < 0) {
    const code = errnoName();
    c.close(fd);
    return { ok: false, step: 'attach', code };
  }
  const end = request.indexOf(0);
  return { ok: true, fd, name: Buffer.from(request.subarray(0, end)).toString('latin1') };
}

/** Sets the MTU of an interface of this network namespace; undefined when done, else the name of the error. */
export function setInterfaceMtu(name: string, mtu: number): string | undefined {
  const c = libc();
  const socket = c.socket(AF_INET, SOCK_DGRAM | O_CLOEXEC, 0);
  if (socket < 0) return errnoName();
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(Buffer.from(name, 'latin1').subarray(0, IFNAMSIZ - 1));
  new DataView(request.buffer).setInt32(IFNAMSIZ, mtu, isLittleEndian());
  const code = c.ioctl(socket, SIOCSIFMTU, 'uint8_t *', request) < 0 ? errnoName() : undefined;
  c.close(socket);
  return code;
}
