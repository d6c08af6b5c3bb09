/** Opening a TUN: refusals in words; with root, packets both ways and nothing left behind. */

import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { expect, test } from 'vitest';
import { openLinuxTun } from './linux.ts';

const mayOpen = ((): boolean => {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
})();

/** What `ip` says of an interface; empty when there is none. Not /sys, which may show another network namespace. */
const linkOf = (name: string): string =>
  spawnSync('ip', ['-o', 'link', 'show', 'dev', name], { encoding: 'utf8' }).stdout;

test.each(['', 'a name', 'much-too-long-a-name', 'a/b', 'a;reboot'])('refuses the name %j', (name) => {
  expect(() => openLinuxTun({ name, mtu: 1280 })).toThrow(/is not an interface name/);
});

test.runIf(mayOpen)('a name that another kind of interface has is a conflict', () => {
  expect(() => openLinuxTun({ name: 'lo', mtu: 1280 })).toThrow(/an interface of another kind has that name/);
});

test.runIf(mayOpen)('a device in use is a conflict, and closing removes it', () => {
  const tun = openLinuxTun({ name: 'rhut%d', mtu: 1280 });
  try {
    expect(linkOf(tun.name)).toMatch(/ mtu 1280 /);
    expect(() => openLinuxTun({ name: tun.name, mtu: 1280 })).toThrow(/another program uses it/);
  } finally {
    tun.close();
  }
  expect(linkOf(tun.name)).toBe('');
  expect(tun.write(new Uint8Array(20), 20)).toBe('EBADF');
  tun.close();
});

test.runIf(mayOpen)('the host hears what is written and is heard', async () => {
  const tun = openLinuxTun({ name: 'rhut%d', mtu: 1280 });
  try {
    const heard = new Promise<number>((resolve, reject) => {
      tun.start({
        batch: () => undefined,
        packet: (packet) => resolve((packet[0] as number) >> 4),
        gone: reject,
      });
    });
    // Bringing the link up makes the host speak by itself: IPv6 router solicitation or MLD.
    execFileSync('ip', ['link', 'set', tun.name, 'up']);
    execFileSync('ip', ['addr', 'add', '192.0.2.1/32', 'dev', tun.name]);
    execFileSync('ip', ['route', 'add', '192.0.2.2/32', 'dev', tun.name]);
    try {
      execFileSync('ping', ['-c', '1', '-W', '1', '192.0.2.2'], { stdio: 'ignore' });
    } catch {
      // Nobody answers; what counts is that the request came out of the device.
    }
    expect([4, 6]).toContain(await heard);
    expect(tun.write(new Uint8Array(20), 20)).toBe('EINVAL');
  } finally {
    tun.close();
  }
});
