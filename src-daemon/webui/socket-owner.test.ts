/** Connections within this machine are told apart by who made them, as long as they stand. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type Ends, isOf, ownerIn, systemOwnerOf } from './socket-owner.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function connection(from: string): Promise<{ ends: Ends; client: Socket; accepted: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: ownPort } = server.address() as AddressInfo;
  const client = connect({ host: '127.0.0.1', port: ownPort, localAddress: from });
  const [accepted] = (await once(server, 'connection')) as [Socket];
  closing.push(() => {
    client.destroy();
    accepted.destroy();
    server.close();
  });
  const { remoteAddress: ip = '', remotePort: port = 0 } = accepted;
  return { ends: { ip, port, ownIp: '127.0.0.1', ownPort }, client, accepted };
}

test.runIf(process.platform === 'linux')('a connection is of the user who made it', async () => {
  const { ends } = await connection('127.0.0.1');
  expect(systemOwnerOf(ends)).toBe(process.getuid?.());
  expect(systemOwnerOf({ ...ends, ip: '127.0.0.2' })).toBe('nobody');
});

test.runIf(process.platform === 'linux')('who has said all and left is nobody', async () => {
  const { ends, client, accepted } = await connection('127.0.0.1');
  client.end();
  await once(accepted.resume(), 'end');
  expect(systemOwnerOf(ends)).toBe('nobody');
});

test.runIf(process.arch === 'x64')('sockets of both kinds are found, ends that look alike are not', () => {
  const ends: Ends = { ip: '127.0.0.1', port: 8_080, ownIp: '127.0.0.1', ownPort: 80 };
  expect(ownerIn('sl local\n 0: 0100007F:1F90 0100007F:0050 01 a b c 1000 0\n', ends)).toBe(1_000);
  const mapped = '0000000000000000FFFF00000100007F';
  expect(ownerIn(`x: ${mapped}:1F90 ${mapped}:0050 01 a b c 1001 0`, ends)).toBe(1_001);
  for (const row of [
    'x: 0200007F:1F90 0100007F:0050 01 a b c 1000 0',
    'x: 0100007F:0050 0100007F:1F90 01 a b c 1000 0',
    'x: 0100007F:1F90 0100007F:0051 01 a b c 1000 0',
    'x: 0100007F:1F90 0100007F:0050 05 a b c 0 0',
    'x: 0100007F:1F90',
  ])
    expect(ownerIn(row, ends), row).toBeUndefined();
});

test('a link is for its own user alone; of root it is for whoever was given it', () => {
  expect(isOf(1_000, 1_000)).toBe(true);
  expect(isOf(1_000, 1_001)).toBe(false);
  expect(isOf(1_000, 0)).toBe(false);
  expect(isOf(1_000, 'nobody')).toBe(false);
  expect(isOf(1_000, 'unknown')).toBe(true);
  expect(isOf(0, 1_000)).toBe(true);
});
