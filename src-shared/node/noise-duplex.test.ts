/** The stream of records over a socket that does not do its part. */
import { Duplex } from 'node:stream';
import { afterEach, expect, test, vi } from 'vitest';
import { RecordOpener, RecordSealer } from '../crypto/noise-records.ts';
import { noiseDuplex } from './noise-duplex.ts';

const key = new Uint8Array(32).fill(1);

/** Takes everything, and never closes by itself. */
const socketOfSilentPeer = (): Duplex =>
  new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done(), autoDestroy: false });

const over = (socket: Duplex): Duplex =>
  noiseDuplex({
    socket,
    sealer: new RecordSealer(key),
    opener: new RecordOpener(key),
    head: new Uint8Array(0),
    expectEarly: false,
  });

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

afterEach(() => {
  vi.useRealTimers();
});

test('an ended one waits some seconds for the peer to close, and no longer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const socket = socketOfSilentPeer();
  over(socket).end('the last words');
  await settle();
  expect(socket.writableFinished).toBe(true);
  vi.advanceTimersByTime(4_999);
  expect(socket.destroyed).toBe(false);
  vi.advanceTimersByTime(1);
  expect(socket.destroyed).toBe(true);
});

test('one whose peer closes leaves no timer behind', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const socket = socketOfSilentPeer();
  over(socket).end();
  await settle();
  expect(vi.getTimerCount()).toBe(1);
  socket.destroy();
  await settle();
  expect(vi.getTimerCount()).toBe(0);
});
