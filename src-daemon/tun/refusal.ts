/** Why the native engine could not have a device, and what to do about it, on every system. */
import { RhumbError } from '#shared/errors.ts';
import { tunRefusal } from './linux.ts';

/** `code` is the name of the system's error. */
export function deviceRefusal(
  name: string,
  code: string,
  platform: NodeJS.Platform = process.platform,
): RhumbError {
  if (platform === 'linux') {
    const step = code === 'ENOENT' || code === 'ENXIO' ? 'open' : 'attach';
    return tunRefusal(name, { ok: false, step, code });
  }
  const what = `open the interface ${name}`;
  if (code === 'EACCES' || code === 'EPERM') {
    const who = platform === 'win32' ? 'as a service, or as an administrator' : 'as root';
    return new RhumbError('not-allowed', `${what}: permission denied; run rhumbd ${who}`);
  }
  if (platform === 'win32' && code === 'ENOENT')
    return new RhumbError('unavailable', `${what}: put wintun.dll into the folder of rhumb_engine.dll`);
  if (code === 'EBUSY')
    return new RhumbError(
      'conflict',
      `${what}: another program uses it; stop that program or choose another name with --tun`,
    );
  return new RhumbError('unavailable', `${what}: ${code}`);
}
