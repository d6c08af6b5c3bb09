/** Which requests are heard: none under another name, from another page, or in a frame. */
import { describe, expect, test } from 'vitest';
import { hostOf, isLoopbackHost, type RequestHead, refusePage, refuseSocket } from './admission.ts';

const HEAD: RequestHead = {
  method: 'GET',
  host: '127.0.0.1:4000',
  origin: undefined,
  site: undefined,
  dest: undefined,
};
const page = (change: Partial<RequestHead>) => refusePage({ ...HEAD, ...change }, isLoopbackHost);
const socket = (change: Partial<RequestHead>) =>
  refuseSocket({ ...HEAD, origin: `http://${change.host ?? HEAD.host}`, ...change }, isLoopbackHost);

test.each([
  ['127.0.0.1:80', '127.0.0.1'],
  ['LocalHost', 'localhost'],
  ['[::1]:8080', '::1'],
  ['[0:0::1]', '::1'],
  ['nas.net.example.:5252', 'nas.net.example'],
  ['', undefined],
  [undefined, undefined],
  ['a b', undefined],
  ['x'.repeat(400), undefined],
  ['::1', undefined],
  ['user@127.0.0.1', 'user@127.0.0.1'],
])('the host of %j', (header, host) => {
  expect(hostOf(header)).toBe(host);
});

describe('the page', () => {
  test('is served under the names of this device, to whoever comes from anywhere', () => {
    expect(page({})).toBeUndefined();
    expect(page({ host: 'localhost:4000' })).toBeUndefined();
    expect(page({ host: 'localhost.:4000' })).toBeUndefined();
    expect(page({ host: '[::1]:4000' })).toBeUndefined();
    expect(page({ site: 'cross-site', dest: 'document' })).toBeUndefined();
    expect(page({ site: 'same-origin', dest: 'script' })).toBeUndefined();
  });

  test.each([
    [{ host: 'evil.example' }],
    [{ host: '127.0.0.1.evil.example:4000' }],
    [{ host: 'user@127.0.0.1' }],
    [{ host: undefined }],
    [{ dest: 'iframe' }],
    [{ dest: 'object' }],
    [{ site: 'cross-site', dest: 'script' }],
    [{ site: 'same-site', dest: 'image' }],
    [{ site: 'cross-site', dest: 'empty' }],
    [{ site: 'cross-site' }],
    [{ dest: 'fencedframe' }],
    [{ host: '[fe80::1%25eth0]:4000' }],
    [{ host: '[::ffff:10.0.0.1]' }],
    [{ host: '0x7f000001' }],
    [{ host: '127.1:4000' }],
    [{ host: 'localhost..' }],
    [{ host: '127.0.0.1:99999999' }],
  ] as const)('is refused for %j', (change) => {
    expect(page(change)).toBeDefined();
  });
});

describe('the socket', () => {
  test('is for the page itself', () => {
    expect(socket({})).toBeUndefined();
    expect(socket({ site: 'same-origin', dest: 'websocket' })).toBeUndefined();
    expect(socket({ host: 'localhost:9' })).toBeUndefined();
  });

  test.each([
    [{ origin: undefined }],
    [{ origin: 'null' }],
    [{ origin: 'http://evil.example' }],
    [{ origin: 'https://127.0.0.1:4000' }],
    [{ origin: 'http://127.0.0.1:4001' }],
    [{ origin: 'http://localhost:4000' }],
    [{ site: 'cross-site' }],
    [{ site: 'same-site' }],
    [{ site: 'none' }],
    [{ host: 'evil.example', origin: 'http://evil.example' }],
  ])('is refused for %j', (change) => {
    expect(socket(change)).toBeDefined();
  });
});
