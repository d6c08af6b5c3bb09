/** Tests of flag values as preferences: what is taken, and what is said about the rest. */
import { describe, expect, test } from 'vitest';
import { NO_PEER, NO_STATUS, type Status } from '#shared/localapi/status.ts';
import { type FlagValue, flagValues } from './spec.ts';
import { upFlags } from './up-flags.ts';
import { controlUrl, exitNode, hostname, prefsFromFlags, routes, tags } from './up-prefs.ts';

const given = (values: Readonly<Record<string, FlagValue>>) => flagValues(upFlags('linux'), values);

describe('routes', () => {
  test.each([
    ['', false, undefined],
    ['192.168.0.0/24,10.0.0.0/8,10.0.0.0/8', false, ['10.0.0.0/8', '192.168.0.0/24']],
    ['fd00:0::/64', false, ['fd00::/64']],
    ['', true, ['0.0.0.0/0', '::/0']],
    ['0.0.0.0/0,::/0', true, ['0.0.0.0/0', '::/0']],
  ])('%j, exit node %s', (text, isExit, want) => {
    expect(routes(text, isExit)).toEqual(want);
  });

  test.each([
    ['10.0.0.1/8', '10.0.0.1/8 has non-address bits set; expected 10.0.0.0/8'],
    ['10.0.0.0', '"10.0.0.0" is not a valid IP address or CIDR prefix'],
    ['10.0.0.0/8,', '"" is not a valid IP address or CIDR prefix'],
    ['10.0.0.0/33', '"10.0.0.0/33" is not a valid IP address or CIDR prefix'],
    ['0.0.0.0/0', '0.0.0.0/0 advertised without its counterpart, please also advertise ::/0'],
    ['::/0', '::/0 advertised without its counterpart, please also advertise 0.0.0.0/0'],
  ])('%j is refused', (text, message) => {
    expect(() => routes(text, false)).toThrow(message);
  });
});

test('tags get their prefix and are checked', () => {
  expect(tags('a,tag:b-2')).toEqual(['tag:a', 'tag:b-2']);
  expect(tags('')).toBeUndefined();
  for (const bad of ['tag:', '2a', 'a b', 'group:x', 'a,,b', ',']) expect(() => tags(bad)).toThrow(/^tag: /);
});

test('host names are DNS labels', () => {
  for (const good of ['', 'a', 'my-host', 'a.b', 'A1.']) expect(hostname(good)).toBe(good);
  for (const bad of [
    '-a',
    'a-',
    'a_b',
    'a b',
    'ä',
    'a..b',
    '.',
    'a'.repeat(64),
    'a.'.repeat(127).concat('b'),
  ])
    expect(() => hostname(bad)).toThrow(/^--hostname: /);
});

test('the login server is a web address', () => {
  expect(controlUrl('http://127.0.0.1:8080')).toBe('http://127.0.0.1:8080');
  for (const bad of ['control.example.com', 'ftp://x', 'https://', 'javascript:alert(1)', '/path'])
    expect(() => controlUrl(bad)).toThrow(/^--login-server: not a URL/);
});

describe('exit node', () => {
  const exit = {
    ...NO_PEER,
    DNSName: 'Out.net.example.',
    TailscaleIPs: ['100.64.0.9'],
    ExitNodeOption: true,
  };
  const status: Status = {
    ...NO_STATUS,
    BackendState: 'Running',
    MagicDNSSuffix: 'net.example',
    TailscaleIPs: ['100.64.0.1'],
    Self: { ...NO_PEER, DNSName: 'me.net.example.', TailscaleIPs: ['100.64.0.1'] },
    Peer: {
      a: exit,
      b: { ...exit, DNSName: 'plain.net.example.', TailscaleIPs: ['100.64.0.8'], ExitNodeOption: false },
      c: { ...exit, DNSName: 'twin.net.example.' },
      d: { ...exit, DNSName: 'twin.net.example.' },
      e: { ...exit, DNSName: 'bare.net.example.', TailscaleIPs: undefined },
    },
  };

  test.each([
    ['', { ExitNodeIP: '', AutoExitNode: '' }],
    ['auto:any', { ExitNodeIP: '', AutoExitNode: 'any' }],
    ['100.64.0.9', { ExitNodeIP: '100.64.0.9', AutoExitNode: '' }],
    ['out', { ExitNodeIP: '100.64.0.9', AutoExitNode: '' }],
    ['OUT.net.example.', { ExitNodeIP: '100.64.0.9', AutoExitNode: '' }],
    ['out.net.example', { ExitNodeIP: '100.64.0.9', AutoExitNode: '' }],
  ])('%j is found', (text, want) => {
    expect(exitNode(text, status)).toEqual(want);
  });

  test.each([
    ['100.64.0.1', /local IP address to this machine; did you mean --advertise-exit-node\?$/],
    ['me', /did you mean --advertise-exit-node\?$/],
    ['100.64.0.77', /^no node found in netmap with IP 100.64.0.77$/],
    ['100.64.0.8', /is not advertising an exit node$/],
    ['plain', /is not advertising an exit node$/],
    ['nosuch', /must be IP or unique node name$/],
    ['auto:', /must be IP or unique node name$/],
    ['twin', /^ambiguous exit node name "twin"$/],
    ['bare', /has no Tailscale IP\?$/],
  ])('%j is refused', (text, message) => {
    expect(() => exitNode(text, status)).toThrow(message);
  });

  test('before there is a network map an address is taken on trust, a name is not', () => {
    expect(exitNode('100.64.0.77', NO_STATUS).ExitNodeIP).toBe('100.64.0.77');
    expect(() => exitNode('out', NO_STATUS)).toThrow(/use its IP address instead$/);
  });

  test('access to the local network needs one', () => {
    expect(() => prefsFromFlags(given({ 'exit-node-allow-lan-access': true }), status)).toThrow(
      '--exit-node-allow-lan-access can only be used with --exit-node',
    );
  });
});

test('combinations that may surprise are warned about', () => {
  const warnings = (values: Readonly<Record<string, FlagValue>>) =>
    prefsFromFlags(given(values), NO_STATUS).warnings;
  expect(warnings({})).toEqual([]);
  expect(warnings({ 'netfilter-mode': 'off' })).toHaveLength(1);
  expect(warnings({ 'netfilter-mode': 'nodivert' })).toHaveLength(1);
  expect(warnings({ 'advertise-exit-node': true, 'snat-subnet-routes': false })).toHaveLength(1);
});
