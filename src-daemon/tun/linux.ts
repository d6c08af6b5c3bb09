/** The Linux TUN device: opened by name, read whenever the event loop finds it readable, gone with its descriptor. */
import { RhumbError } from '#shared/errors.ts';
import { closeFd, openTun, readFd, type TunOpen, watchReadable, writeFd } from '../ffi/linux.ts';
import type { Tun } from './tun.ts';

/** Packets taken per turn of the event loop, so that a flood from the host does not starve everything else. */
const DRAIN = 64;
/** The largest packet an MTU allows. */
const MAX_PACKET = 65_535;
/** linux/if.h: IFNAMSIZ less the terminator. */
const NAME = /^[A-Za-z0-9_.%-]{1,15}$/;

/** Opens (and so creates) the interface; it is down and has no address yet. Errors say what to do. */
export function openLinuxTun(name: string): Tun {
  if (!NAME.test(name))
    throw new RhumbError(
      'bad-argument',
      `"${name}" is not an interface name: at most 15 letters, digits and any of "_.-"`,
    );
  const opened = openTun(name);
  if (!opened.ok) throw refusal(name, opened);
  return tunOn(opened.fd, opened.name);
}

function refusal(name: string, failed: Extract<TunOpen, { ok: false }>): RhumbError {
  const { step, code } = failed;
  if (code === 'EACCES' || code === 'EPERM')
    return new RhumbError(
      'not-allowed',
      `create the interface ${name}: permission denied; run rhumbd as root or give it CAP_NET_ADMIN`,
    );
  if (step === 'open' && code === 'ENOENT')
    return new RhumbError(
      'unavailable',
      'open /dev/net/tun: it does not exist; make it with "mkdir -p /dev/net && mknod /dev/net/tun c 10 200"',
    );
  if (step === 'open' && (code === 'ENODEV' || code === 'ENXIO'))
    return new RhumbError(
      'unavailable',
      'open /dev/net/tun: the kernel has no TUN driver; load it with "modprobe tun"',
    );
  if (step === 'attach' && code === 'EBUSY')
    return new RhumbError(
      'conflict',
      `create the interface ${name}: another program uses it; stop that program or choose another name with --tun`,
    );
  if (step === 'attach' && code === 'EINVAL')
    return new RhumbError(
      'conflict',
      `create the interface ${name}: an interface of another kind has that name; choose another with --tun`,
    );
  return new RhumbError('unavailable', `${step} the TUN device ${name}: ${code}`);
}

function tunOn(fd: number, name: string): Tun {
  const buffer = new Uint8Array(MAX_PACKET);
  let unwatch: (() => void) | undefined;
  let closed = false;

  const drain = (receive: (packet: Uint8Array) => void, gone: (detail: string) => void): void => {
    for (let i = 0; i < DRAIN && !closed; i++) {
      const count = readFd(fd, buffer);
      if (typeof count === 'string') {
        unwatch?.();
        unwatch = undefined;
        gone(`read ${name}: ${count}`);
        return;
      }
      if (count === 0) return;
      receive(buffer.subarray(0, count));
    }
  };

  return {
    name,
    start: (receive, gone) => {
      unwatch = watchReadable(fd, () => drain(receive, gone));
    },
    // The number may belong to another file by now.
    write: (packet) => (closed ? 'EBADF' : writeFd(fd, packet)),
    close: () => {
      if (closed) return;
      closed = true;
      unwatch?.();
      unwatch = undefined;
      closeFd(fd);
    },
  };
}
