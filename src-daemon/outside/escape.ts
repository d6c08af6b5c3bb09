/** How the daemon's own sockets stay out of the tunnel on this machine (localapi-and-daemon.md §6.5). */
import { parseIp } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import type { Escape } from '../ffi/sockets.ts';

/** Packets with this mark never see the tunnel's routing table, and the kill switch lets them pass (§6.2). */
export const BYPASS_MARK = 0x80000;

export interface EscapeOptions {
  readonly log: Log;
  /** False in userspace mode: nothing of this machine goes through a tunnel. */
  readonly isNeeded: boolean;
  /** Whether the kernel lets this process mark sockets (CAP_NET_ADMIN, or CAP_NET_RAW since Linux 5.17). */
  readonly canMark: () => boolean;
  /** The interface of the default route; undefined where there is none. */
  readonly defaultInterface: () => string | undefined;
}

const NONE: Escape = { kind: 'none' };
const MARK: Escape = { kind: 'mark', mark: BYPASS_MARK };

/** What a socket to `ip` needs; undefined = it may go anywhere. */
export type ChooseEscape = (ip: string | undefined) => Escape;

export function escapes({ log, isNeeded, canMark, defaultInterface }: EscapeOptions): ChooseEscape {
  let marks: boolean | undefined;
  return (ip) => {
    if (!isNeeded || (ip !== undefined && isLoopback(ip))) return NONE;
    if (marks === undefined) {
      marks = canMark();
      if (!marks)
        log('warn', 'outside.unmarked', {
          effect: 'own sockets are bound to the interface of the default route instead',
          remedy: 'run rhumbd with CAP_NET_ADMIN',
        });
    }
    if (marks) return MARK;
    const name = defaultInterface();
    return name === undefined ? NONE : { kind: 'device', name };
  };
}

/** Never routed through a tunnel, and out of reach for a socket that is bound to another interface. */
export function isLoopback(text: string): boolean {
  const ip = parseIp(text.replace(/%.*$/, ''));
  if (ip === undefined) return false;
  if (ip.length === 4) return ip[0] === 127;
  return ip.every((byte, at) => byte === (at === 15 ? 1 : 0));
}
