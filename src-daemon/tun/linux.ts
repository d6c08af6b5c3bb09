/** The Linux TUN device: opened by name, read whenever the event loop finds it readable, gone with its descriptor. */
import { RhumbError } from '#shared/errors.ts';
import { closeFd, readFd, watchReadable, writeFd } from '../ffi/fd.ts';
import { openTun, setInterfaceMtu, type TunOpen } from '../ffi/tun-device.ts';
import { TUN_TAILROOM, type Tun, type TunHandler } from './tun.ts';

/** Packets taken per turn of the event loop, so that a flood from the host does not starve everything else. */
const DRAIN = 64;
/** The largest packet an MTU allows. */
const MAX_PACKET = 65_535;
/** linux/if.h: IFNAMSIZ less the terminator. */
const NAME = /^[A-Za-z0-9_.%-]{1,15}$/;

/** Opens (and so creates) the interface and sets its MTU; it is down and has no address yet. Errors say what to do. */
export function openLinuxTun(options: { readonly name: string; readonly mtu: number }): Tun {
  const { name, mtu } = options;
  checkTunName(name);
  const opened = openTun(name);
  if (!opened.ok) throw tunRefusal(name, opened);
  const failed = setInterfaceMtu(opened.name, mtu);
  if (failed !== undefined) {
    closeFd(opened.fd);
    throw new RhumbError('unavailable', `set the MTU of ${opened.name} to ${mtu}: ${failed}`);
  }
  return tunOn(opened.fd, opened.name);
}

/** Throws for what can be no name of an interface. */
export function checkTunName(name: string): void {
  if (!NAME.test(name))
    throw new RhumbError(
      'bad-argument',
      `"${name}" is not an interface name: at most 15 letters, digits and any of "_.-"`,
    );
}

/** Takes an existing TUN as it is, so that nobody else uses it meanwhile. Errors say what to do. */
export function holdLinuxTun(name: string): Disposable {
  const opened = openTun(name);
  if (!opened.ok) throw tunRefusal(name, opened);
  return { [Symbol.dispose]: () => closeFd(opened.fd) };
}

/** Why an interface could not be opened, and what to do about it. */
export function tunRefusal(name: string, failed: Extract<TunOpen, { ok: false }>): RhumbError {
  const { step, code } = failed;
  if (code === 'EACCES' || code === 'EPERM')
    return new RhumbError(
      'not-allowed',
      `open the interface ${name}: permission denied; run rhumbd as root or give it CAP_NET_ADMIN`,
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
      `open the interface ${name}: another program uses it; stop that program or choose another name with --tun`,
    );
  if (step === 'attach' && code === 'EINVAL')
    return new RhumbError(
      'conflict',
      `open the interface ${name}: an interface of another kind has that name; choose another with --tun`,
    );
  return new RhumbError('unavailable', `${step} the TUN device ${name}: ${code}`);
}

function tunOn(fd: number, name: string): Tun {
  const buffer = new Uint8Array(MAX_PACKET + TUN_TAILROOM);
  let unwatch: (() => void) | undefined;
  let closed = false;

  const drain = (handler: TunHandler): void => {
    handler.batch();
    for (let i = 0; i < DRAIN && !closed; i++) {
      const count = readFd(fd, buffer, MAX_PACKET);
      if (typeof count === 'string') {
        unwatch?.();
        unwatch = undefined;
        handler.gone(new RhumbError('unavailable', `read ${name}: ${count}`));
        return;
      }
      if (count === 0) return;
      handler.packet(buffer, count);
    }
  };

  return {
    name,
    start: (handler) => {
      if (closed || unwatch !== undefined) return;
      unwatch = watchReadable(fd, () => drain(handler));
    },
    // The number may belong to another file once closed.
    write: (packet, length) => (closed ? 'EBADF' : writeFd(fd, packet, length)),
    close: () => {
      if (closed) return;
      closed = true;
      unwatch?.();
      unwatch = undefined;
      closeFd(fd);
    },
  };
}
