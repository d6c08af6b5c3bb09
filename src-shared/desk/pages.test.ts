/** Which pages may be opened: by reference, on expected hosts, and nothing that runs or hides anything. */
import { describe, expect, test } from 'vitest';
import { NO_DEVICE, NO_SETTINGS, NO_SNAPSHOT } from '../ui-state/empty.ts';
import type { Snapshot } from '../ui-state/types.ts';
import { pageUrl } from './pages.ts';

const at = (server: string, authUrl = ''): Snapshot => ({
  ...NO_SNAPSHOT,
  authUrl,
  settings: { ...NO_SETTINGS, server },
});
const open = (
  kind: Parameters<typeof pageUrl>[0]['kind'],
  snapshot: Snapshot,
  more: { id?: string; url?: string } = {},
) => pageUrl({ kind, id: more.id }, { snapshot, project: {}, warningPage: () => more.url });
const signIn = (server: string, url: string) => () => open('auth', at(server, url));

describe('the sign-in page', () => {
  test('is opened on the server, or where the server sends people', () => {
    expect(signIn('https://vpn.example', 'https://vpn.example/a/1')()).toBe('https://vpn.example/a/1');
    expect(signIn('https://vpn.example', 'https://login.example/a')()).toBe('https://login.example/a');
    expect(signIn('http://10.0.0.1:8080', 'http://10.0.0.1:8080/a')()).toBe('http://10.0.0.1:8080/a');
    expect(signIn('http://127.0.0.1:1', 'http://127.0.0.1:1/a')()).toBe('http://127.0.0.1:1/a');
    expect(signIn('https://controlplane.tailscale.com', 'https://login.tailscale.com/a/1')()).toBe(
      'https://login.tailscale.com/a/1',
    );
  });

  test.each([
    ['https://vpn.example', 'javascript:alert(1)'],
    ['https://vpn.example', 'file:///etc/passwd'],
    ['https://vpn.example', 'http://vpn.example/a'],
    ['https://vpn.example', 'https://vpn.example@evil.test/'],
    ['http://10.0.0.1', 'http://10.0.0.2/a'],
    ['http://10.0.0.1', 'http://user:pw@10.0.0.1/a'],
    ['https://controlplane.tailscale.com', 'https://login.tailscale.com.evil.test/'],
    ['https://controlplane.tailscale.com', 'https://eviltailscale.com/'],
    ['https://vpn.example', `https://vpn.example/${'x'.repeat(5_000)}`],
    ['https://vpn.example', 'not an address'],
  ])('at %s is never %s', (server, url) => {
    expect(signIn(server, url)).toThrow(/not opened/);
  });

  test('is not there when nobody signs in', () => {
    expect(signIn('https://vpn.example', '')).toThrow(/no sign-in/);
  });
});

test('the admin page is that of the account’s server', () => {
  expect(open('admin', at('https://vpn.example/base?x'))).toBe('https://vpn.example/admin');
  expect(open('admin', at('https://controlplane.tailscale.com'))).toBe('https://login.tailscale.com/admin');
  expect(() => open('admin', at(''))).toThrow(/no server/);
  expect(() => open('admin', at('javascript:1'))).toThrow(/no server/);
});

test('a warning’s page is opened when it is safe', () => {
  expect(open('warning', NO_SNAPSHOT, { url: 'https://docs.example/x' })).toBe('https://docs.example/x');
  expect(() => open('warning', NO_SNAPSHOT, { url: 'ssh://x' })).toThrow(/only https/);
  expect(() => open('warning', NO_SNAPSHOT)).toThrow(/no page/);
});

test('a device’s page is at its own address, and at no other', () => {
  const snapshot = {
    ...NO_SNAPSHOT,
    devices: {
      n1: { ...NO_DEVICE, id: 'n1', addresses: ['100.64.0.2'] },
      n2: { ...NO_DEVICE, addresses: ['fd7a::2'] },
    },
  };
  expect(open('device-web', snapshot, { id: 'n1' })).toBe('http://100.64.0.2:5252/');
  expect(open('device-web', snapshot, { id: 'n2' })).toBe('http://[fd7a::2]:5252/');
  expect(() => open('device-web', snapshot, { id: '__proto__' })).toThrow(/not in the network/);
});

test('a build without pages of the project opens none', () => {
  for (const kind of ['help', 'source', 'release-notes'] as const)
    expect(() => open(kind, NO_SNAPSHOT)).toThrow(/names no page/);
});
