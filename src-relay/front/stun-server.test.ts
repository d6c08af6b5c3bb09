/** The STUN server's sockets: what it does when the system can't tell the machine's addresses. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { encodeRequest } from '#shared/stun/stun.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { openStunServer } from './stun-server.ts';

const LOOPBACK: ReturnType<typeof networkInterfaces> = {
  lo: [
    {
      address: '127.0.0.1',
      netmask: '255.0.0.0',
      family: 'IPv4',
      mac: '00:00:00:00:00:00',
      internal: true,
      cidr: '127.0.0.1/8',
    },
  ],
};

test('while the addresses of the machine are unknown, those that were known are served', async () => {
  const clock = new FakeClock();
  let asked = 0;
  const interfaces = (): typeof LOOPBACK => {
    if (asked++ > 0) throw new Error('too many open files');
    return LOOPBACK;
  };
  const options = { clock, log: silent, host: '0.0.0.0', ports: [0], answersGeneric: false, interfaces };
  await using server = await openStunServer(options);
  await clock.advance(10_000);
  expect(asked).toBe(3);
  const client = createSocket('udp4');
  client.send(encodeRequest(new Uint8Array(12)), server.ports[0] ?? 0, '127.0.0.1');
  const [answer] = await once(client, 'message');
  client.close();
  expect(answer).toHaveLength(32);
});
