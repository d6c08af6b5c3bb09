/** What people are told when the native engine gets no device. */
import { expect, test } from 'vitest';
import { deviceRefusal } from './refusal.ts';

test.each([
  ['linux', 'EPERM', 'not-allowed', 'run rhumbd as root or give it CAP_NET_ADMIN'],
  ['linux', 'ENOENT', 'unavailable', 'open /dev/net/tun: it does not exist'],
  ['linux', 'EBUSY', 'conflict', 'choose another name with --tun'],
  ['darwin', 'EPERM', 'not-allowed', 'run rhumbd as root'],
  ['darwin', 'EBUSY', 'conflict', 'choose another name with --tun'],
  ['win32', 'EACCES', 'not-allowed', 'as an administrator'],
  ['win32', 'ENOENT', 'unavailable', 'put wintun.dll into the folder of rhumb_engine.dll'],
  ['win32', 'EIO', 'unavailable', 'open the interface rhumb0: EIO'],
] as const)('on %s %s is %s', (platform, code, kind, text) => {
  const refusal = deviceRefusal('rhumb0', code, platform);
  expect(refusal.code).toBe(kind);
  expect(refusal.message).toContain(text);
});
