/** The responder on real sockets, asked by dig where it is installed. */
import { execFile, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { parseRecord } from '../record.ts';
import { listenResponder, type Responder } from './listen.ts';
import { type ZoneData, zoneData } from './zone-data.ts';

const hasDig = spawnSync('dig', ['-v']).error === undefined;
const run = promisify(execFile);

const data = (records: readonly (readonly [string, string, string])[]): ZoneData =>
  zoneData({
    zones: ['apps.example.com'],
    nameServer: 'ns.example.com',
    serial: 7,
    records: records.map(([name, type, value]) => parseRecord({ name, type, value }, name)),
    addressesOf: () => undefined,
  });

const open = (host: string, mayAsk = () => true): Promise<Responder> => {
  const zone = data([
    ['*.apps.example.com', 'A', '100.64.0.7'],
    ['long.apps.example.com', 'TXT', 'x'.repeat(1_800)],
  ]);
  return listenResponder(host, 0, { clock: systemClock(), log: silent, dataFor: () => zone, mayAsk });
};

const dig = async (host: string, port: number, ...args: string[]): Promise<string> =>
  (await run('dig', [`@${host}`, '-p', String(port), '+tries=1', '+time=1', '+norec', ...args])).stdout;

describe.skipIf(!hasDig)('dig', () => {
  test.each(['127.0.0.1', '::1'])('asks over UDP and TCP on %s', async (host) => {
    await using responder = await open(host);
    const udp = await dig(host, responder.port, 'web.apps.example.com', 'A');
    expect(udp).toMatch(/status: NOERROR/);
    expect(udp).toMatch(/flags: qr aa;/);
    expect(udp).toMatch(/EDNS: version: 0, flags:; udp: 1232/);
    expect(udp).toMatch(/web\.apps\.example\.com\.\s+60\s+IN\s+A\s+100\.64\.0\.7/);
    const tcp = await dig(host, responder.port, '+tcp', '+short', 'web.apps.example.com', 'A');
    expect(tcp.trim()).toBe('100.64.0.7');
  });

  test('goes on by TCP when an answer is cut', async () => {
    await using responder = await open('127.0.0.1');
    const whole = await dig('127.0.0.1', responder.port, 'long.apps.example.com', 'TXT');
    expect(whole).toMatch(/Truncated, retrying in TCP mode/);
    expect(whole.match(/x/g)?.length).toBeGreaterThanOrEqual(1_800);
  });

  test('hears that a name does not exist, that a type is not there, and that another domain is not ours', async () => {
    await using responder = await open('127.0.0.1');
    const at = (...args: string[]) => dig('127.0.0.1', responder.port, ...args);
    expect(await at('x.long.apps.example.com', 'A')).toMatch(
      /status: NXDOMAIN[\s\S]*IN\s+SOA\s+ns\.example\.com/,
    );
    expect(await at('x.apps.example.com', 'MX')).toMatch(/status: NOERROR[\s\S]*ANSWER: 0[\s\S]*SOA/);
    expect(await at('example.org', 'A')).toMatch(/status: REFUSED/);
  });

  test('who asks too often is sent to TCP', async () => {
    await using responder = await open('127.0.0.1', () => false);
    const args = ['web.apps.example.com', 'A'] as const;
    await expect(dig('127.0.0.1', responder.port, '+ignore', ...args)).rejects.toThrow();
    expect(await dig('127.0.0.1', responder.port, ...args)).toMatch(/100\.64\.0\.7/);
  });
});

test('a connection that sends what is no query is closed', async () => {
  await using responder = await open('127.0.0.1');
  const socket = connect(responder.port, '127.0.0.1');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.write(Uint8Array.of(0, 3, 1, 2, 3));
  socket.resume();
  await closed;
});

test('a port that is taken is said with its key', async () => {
  await using responder = await open('127.0.0.1');
  const again = listenResponder('127.0.0.1', responder.port, {
    ...{ clock: systemClock(), log: silent, dataFor: () => data([]), mayAsk: () => true },
  });
  await expect(again).rejects.toThrow(/dns\.responder\.listen/);
});
