/** What the portable engine takes from the operating system: a TUN device and UDP sockets. */
import { RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { openLinuxTun } from '../tun/linux.ts';
import type { Tun } from '../tun/tun.ts';
import type { SocketFactory } from './types.ts';
import { systemSockets } from './udp-sockets.ts';

export interface EnginePlatform {
  openTun(options: { readonly name: string; readonly mtu: number }): Tun;
  readonly sockets: SocketFactory;
}

export const platformOf = (system: NodeJS.Platform, log: Log): EnginePlatform => ({
  openTun: system === 'linux' ? openLinuxTun : noTun,
  sockets: systemSockets(log),
});

/** Sockets only: enough for simulations and for systems whose TUN is not written yet. */
function noTun(options: { readonly name: string }): Tun {
  throw new RhumbError('unavailable', `open ${options.name}: there is no TUN support for this system yet`);
}
