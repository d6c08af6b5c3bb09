/** What the system's files say about names. */
import { expect, test } from 'vitest';
import { asksOurselves, baseServersFromFiles, hostsAddresses, nameservers } from './system-files.ts';

const files = (all: Readonly<Record<string, string>>) => async (path: string) => all[path];
const RESOLV = '/etc/resolv.conf';
const RESOLVED = '/run/systemd/resolve/resolv.conf';
const BACKUP = '/etc/resolv.pre-rhumb-backup.conf';

test('name servers come in order, with their zone, without ourselves and without what is none', () => {
  const text =
    '# nameserver 192.0.2.9\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nsearch x\nnameserver 100.100.100.100\nnameserver  fd7a:115c:a1e0::53\nnameserver example\nnameserver\n';
  expect(nameservers(text)).toEqual(['192.0.2.1', 'fe80::1%eth0']);
});

test.each<[string, Readonly<Record<string, string>>, readonly string[]]>([
  ['the system’s own file', { [RESOLV]: 'nameserver 192.0.2.1' }, ['192.0.2.1']],
  [
    'the copy, when we stand in the file',
    { [RESOLV]: 'nameserver 100.100.100.100', [BACKUP]: 'nameserver 192.0.2.1' },
    ['192.0.2.1'],
  ],
  [
    'those behind the local answerer',
    { [RESOLV]: 'nameserver 127.0.0.53', [RESOLVED]: 'nameserver 100.100.100.100\nnameserver 192.0.2.2' },
    ['192.0.2.2'],
  ],
  ['the local answerer, when nobody else is known', { [RESOLV]: 'nameserver 127.0.0.1' }, ['127.0.0.1']],
  ['nobody', {}, []],
])('asks %s', async (_, all, servers) => {
  expect(await baseServersFromFiles(files(all))).toEqual(servers);
});

test('never asks more than a few', async () => {
  const many = Array.from({ length: 40 }, (_, n) => `nameserver 192.0.2.${n + 1}`).join('\n');
  expect(await baseServersFromFiles(files({ [RESOLV]: many }))).toHaveLength(6);
});

test.each<[string, Readonly<Record<string, string>>, boolean]>([
  ['we stand in the file', { [RESOLV]: 'nameserver 100.100.100.100' }, true],
  [
    'the local answerer asks us',
    { [RESOLV]: 'nameserver 127.0.0.53', [RESOLVED]: 'nameserver fd7a:115c:a1e0::53' },
    true,
  ],
  [
    'the local answerer asks others',
    { [RESOLV]: 'nameserver 127.0.0.53', [RESOLVED]: 'nameserver 192.0.2.1' },
    false,
  ],
  [
    'a file that nobody uses names us',
    { [RESOLV]: 'nameserver 192.0.2.1', [RESOLVED]: 'nameserver 100.100.100.100' },
    false,
  ],
  ['there is no file', {}, false],
])('whether the system asks ourselves: %s', async (_, all, isSo) => {
  expect(await asksOurselves(files(all))).toBe(isSo);
});

test('a hosts file gives every address of a name, also of its other names', () => {
  const text =
    '127.0.0.1 localhost\n192.0.2.1\tControl.example  control # the server\n2001:DB8::1 control\nnonsense control\n#192.0.2.2 control\n';
  expect(hostsAddresses(text, 'control')).toEqual(['192.0.2.1', '2001:db8::1']);
  expect(hostsAddresses(text, 'control.example')).toEqual(['192.0.2.1']);
  expect(hostsAddresses(text, 'server')).toEqual([]);
});
