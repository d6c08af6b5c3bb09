/** The system side of a network check, on the loopback: sockets, HTTP, interfaces, the router's address. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { SockAddr } from '../ip/address.ts';
import { encodeRequest } from '../stun/stun.ts';
import { systemClock } from './clock.ts';
import { gatewaysOf } from './gateway.ts';
import { localAddresses, usableFamilies } from './interfaces.ts';
import { httpGet, sendFromElsewhere } from './net-probes.ts';
import { openStunSockets } from './stun-sockets.ts';

const clock = systemClock();
const request = encodeRequest(new Uint8Array(12));

describe('sockets of a check', () => {
  test('hear STUN with the time it came, and nothing else', async () => {
    const heard = Promise.withResolvers<{ from: SockAddr; atMs: number; length: number }>();
    await using sockets = await openStunSockets({
      clock,
      bindAddress: '127.0.0.1',
      bindPort: 0,
      receive: (from, datagram, atMs) => heard.resolve({ from, atMs, length: datagram.length }),
    });
    const other = createSocket('udp4');
    other.bind(0, '127.0.0.1');
    await once(other, 'listening');
    const arrived = once(other, 'message');
    expect(sockets.send({ ip: '127.0.0.1', port: other.address().port }, request)).toBe(true);
    const [, remote] = await arrived;
    other.send(new Uint8Array(3), remote.port, '127.0.0.1');
    const beforeMs = clock.monotonic();
    other.send(request, remote.port, '127.0.0.1');
    const { from, atMs, length } = await heard.promise;
    expect(from).toEqual({ ip: '127.0.0.1', port: other.address().port });
    expect(length).toBe(40);
    expect(atMs).toBeGreaterThanOrEqual(beforeMs);
    other.close();
  });

  test('only the family of a given address has a socket', async () => {
    const receive = (): void => undefined;
    await using sockets = await openStunSockets({ clock, bindAddress: '127.0.0.1', bindPort: 0, receive });
    expect([sockets.canSend(4), sockets.canSend(6)]).toEqual([true, false]);
    expect(sockets.send({ ip: '::1', port: 9 }, request)).toBe(false);
  });

  test('an address that is not ours is told in words', async () => {
    const receive = (): void => undefined;
    await using sockets = await openStunSockets({ clock, bindAddress: '192.0.2.1', bindPort: 0, receive });
    expect(sockets.isOpen).toBe(false);
    expect(sockets.failures).toEqual(['udp4: network is unreachable']);
    expect(sockets.send({ ip: '127.0.0.1', port: 9 }, request)).toBe(false);
  });

  test('a datagram can be sent from elsewhere', async () => {
    const other = createSocket('udp4');
    other.bind(0, '127.0.0.1');
    await once(other, 'listening');
    const arrived = once(other, 'message');
    await sendFromElsewhere({ ip: '127.0.0.1', port: other.address().port }, request);
    expect((await arrived)[0]).toHaveLength(40);
    other.close();
  });
});

test('HTTP gives the head of the answer, follows nothing, and says what went wrong', async () => {
  const server = createServer((incoming, response) => {
    response.writeHead(302, {
      location: '/elsewhere',
      'x-tailscale-response': `response ${incoming.headers['x-a']}`,
    });
    response.end('page');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/generate_204`;
  const options = { headers: { 'X-A': 'b' }, from: '127.0.0.1', signal: AbortSignal.timeout(5_000) };
  const reply = await httpGet(url, options);
  expect([reply.status, reply.header('x-tailscale-response')]).toEqual([302, 'response b']);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await expect(httpGet(url, options)).rejects.toThrow(/connection refused$/);
});

describe('addresses', () => {
  const interfaces = {
    lo: [{ address: '127.0.0.1', internal: true }],
    eth0: [
      { address: '192.168.1.2', internal: false },
      { address: 'fe80::1%eth0', internal: false },
    ],
    wwan0: [{ address: '100.66.1.2', internal: false }],
    rhumb0: [{ address: '100.64.0.1', internal: false }],
    utun4: [
      { address: '100.64.0.2', internal: false },
      { address: 'fd7a:115c:a1e0::2', internal: false },
    ],
  };

  test('those of private networks are left out, a carrier’s are not', () => {
    expect(localAddresses(interfaces).map(({ ip }) => ip)).toEqual([
      '127.0.0.1',
      '192.168.1.2',
      'fe80::1',
      '100.66.1.2',
    ]);
  });

  test.each([
    ['192.168.1.2', [4]],
    ['169.254.3.4', []],
    ['2001:db8::1', [6]],
    ['fd00::1', [6]],
    ['fe80::1', []],
  ])('%s reaches beyond its link by %o', (address, families) => {
    expect([...usableFamilies(localAddresses({ eth0: [{ address, internal: false }] }))]).toEqual(families);
  });

  test('a loopback reaches nobody', () => {
    expect(usableFamilies(localAddresses({ lo: interfaces.lo })).size).toBe(0);
  });
});

test('the router is read from the kernel’s table, the lowest metric first', () => {
  const table = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
    'wlan0\t00000000\t0100A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0',
    'eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0',
    'eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0',
    'ppp0\t00000000\t00000000\t0001\t0\t0\t50\t00000000\t0\t0\t0',
    '',
  ].join('\n');
  expect(gatewaysOf(table)).toEqual([
    { interfaceName: 'eth0', gateway: '192.168.1.1' },
    { interfaceName: 'wlan0', gateway: '192.168.0.1' },
  ]);
});
