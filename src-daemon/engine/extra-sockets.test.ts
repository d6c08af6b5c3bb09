/** Extra sockets by themselves: opened in portions, numbers reused while one is still opening, deaths, growing, an end. */
import { expect, test } from 'vitest';
import { RhumbError } from '#shared/errors.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import { FakeClock, settle } from '#shared/testing/fake-clock.ts';
import { ExtraSockets } from './extra-sockets.ts';
import type { SocketFactory } from './types.ts';

const TO: SockAddr = { ip: '192.0.2.2', port: 9 };
const OPTIONS = { family: 4, mark: 7, dontFragment: true } as const;

type Opened = Parameters<SocketFactory['open']>[0] & {
  readonly sent: Uint8Array[];
  grown: number;
  isClosed: boolean;
};

function setUp(open: (index: number) => Promise<void> = async () => undefined) {
  const clock = new FakeClock();
  const opened: Opened[] = [];
  const heard: unknown[] = [];
  const factory: SocketFactory = {
    open: async (options) => {
      const one: Opened = { ...options, sent: [], grown: 0, isClosed: false };
      const index = opened.push(one) - 1;
      await open(index);
      return {
        port: 40_000 + index,
        send: (_to, data) => void one.sent.push(data),
        grow: () => void one.grown++,
        close: async () => {
          one.isClosed = true;
        },
      };
    },
  };
  const sockets = new ExtraSockets(
    factory,
    {
      receive: (_from, data, via) => heard.push([via, ...data]),
      sendFailed: (to, code, via) => heard.push([via, to, code]),
      gone: (via, code) => heard.push([via, code]),
    },
    clock,
  );
  return { clock, opened, heard, sockets };
}

test('are opened with the options given, small, on a port of the system, some at a time', async () => {
  const { clock, opened, sockets } = setUp();
  for (let id = 1; id <= 40; id++) sockets.open(id, OPTIONS);
  expect(opened).toHaveLength(0);
  await clock.advance(0);
  expect(opened).toHaveLength(16);
  await clock.advance(10);
  expect(opened).toHaveLength(40);
  expect(opened[0]).toMatchObject({ ...OPTIONS, port: 0 });
  expect(opened[0]?.bufferBytes).toBeLessThanOrEqual(256 * 1_024);
  await sockets.close();
  expect(opened.every(({ isClosed }) => isClosed)).toBe(true);
  expect(clock.pending).toBe(0);
});

test('a number that is reused while its first socket is still opening means the second', async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { clock, opened, heard, sockets } = setUp((index) => gates[index]?.promise ?? Promise.resolve());
  sockets.open(5, OPTIONS);
  await clock.advance(1);
  sockets.closeOne(5);
  sockets.open(5, OPTIONS);
  await clock.advance(1);
  sockets.send(5, TO, Uint8Array.of(2));
  gates[1]?.resolve();
  gates[0]?.resolve();
  await settle();
  expect(opened.map(({ isClosed }) => isClosed)).toEqual([true, false]);
  expect(opened.map(({ sent }) => sent.length)).toEqual([0, 1]);
  opened[0]?.receive(TO, Uint8Array.of(1));
  opened[1]?.receive(TO, Uint8Array.of(2));
  expect(heard).toEqual([[5, 2]]);
  await sockets.close();
});

test('one that cannot be opened is told by the system’s name of the error', async () => {
  const { clock, heard, sockets } = setUp(() => {
    const cause = Object.assign(new Error('too many'), { code: 'EMFILE' });
    return Promise.reject(new RhumbError('unavailable', 'open', { cause }));
  });
  sockets.open(5, OPTIONS);
  await clock.advance(1);
  expect(heard).toEqual([[5, 'EMFILE']]);
  expect(sockets.send(5, TO, Uint8Array.of(1))).toBe(false);
  await sockets.close();
});

test('one that dies is told once and closed', async () => {
  const { clock, opened, heard, sockets } = setUp();
  sockets.open(5, OPTIONS);
  await clock.advance(1);
  opened[0]?.failed(new Error('gone'));
  opened[0]?.failed(new Error('gone'));
  opened[0]?.sendFailed?.(TO, 'EPERM');
  expect(heard).toEqual([[5, 'internal']]);
  expect(opened[0]?.isClosed).toBe(true);
  await sockets.close();
});

test('one that carries a path grows, also when the path came first', async () => {
  const { clock, opened, sockets } = setUp();
  sockets.open(5, OPTIONS);
  sockets.grow(5);
  sockets.open(6, OPTIONS);
  sockets.grow(99);
  await clock.advance(1);
  expect(opened.map(({ grown }) => grown)).toEqual([1, 0]);
  sockets.grow(6);
  expect(opened.map(({ grown }) => grown)).toEqual([1, 1]);
  await sockets.close();
});

test('the end waits for those that are still opening, and closes them', async () => {
  const gate = Promise.withResolvers<void>();
  const { clock, opened, sockets } = setUp(() => gate.promise);
  sockets.open(5, OPTIONS);
  await clock.advance(1);
  const closing = sockets.close();
  gate.resolve();
  await closing;
  expect(opened[0]?.isClosed).toBe(true);
  sockets.open(6, OPTIONS);
  expect(clock.pending).toBe(0);
});
