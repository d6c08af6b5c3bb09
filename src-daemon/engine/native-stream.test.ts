/** The stream of records of an engine that is played here: who hears them when, in which order, and how many at once. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { EngineFailure } from '../ffi/engine.ts';
import { NativeStream } from './native-stream.ts';

const HEADER = 16;
/** Of native-records.ts. */
const NEED_PATH = 41;

/** An engine with this many records to tell, which name the peers 1, 2, …; it has to be waited for. */
function engineWith(count: number) {
  const told = { polls: 0, waits: 0 };
  const left = Array.from({ length: count }, (_, i) => i + 1);
  const stream = new NativeStream({
    library: {
      poll: (_engine, out) => {
        told.polls++;
        const peer = left.shift();
        if (peer === undefined) return 0;
        const view = new DataView(out.buffer, out.byteOffset, HEADER);
        view.setUint32(0, HEADER, true);
        view.setUint16(4, NEED_PATH, true);
        view.setUint32(8, peer, true);
        return HEADER;
      },
      wakeFd: () => EngineFailure.NotSupported,
      wait: () => {
        told.waits++;
        return left.length > 0 ? turn(1) : new Promise(() => undefined);
      },
    },
    engine: () => 1,
    take: () => undefined,
    lost: () => undefined,
    log: silent,
  });
  const batches: number[][] = [];
  const listen = (): void =>
    stream.onRecords((batch) => {
      batches.push(Array.from(batch, (record) => ('peer' in record ? (record.peer ?? 0) : 0)));
    });
  return { stream, told, batches, listen };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

test('before there is someone to tell, the engine is neither read nor waited for; then everything comes', async () => {
  const { stream, told, batches, listen } = engineWith(300);
  stream.open();
  stream.read();
  for (let i = 0; i < 5; i++) await turn();
  expect(told).toEqual({ polls: 0, waits: 0 });
  listen();
  for (let i = 0; i < 10; i++) await turn();
  expect(batches.flat()).toEqual(upTo(300));
});

test('what fills by itself is handed on in order, and others have their turn between batches', async () => {
  const { stream, batches, listen } = engineWith(1_000);
  listen();
  stream.open();
  stream.read();
  const seen: number[] = [];
  for (let i = 0; i < 100 && batches.flat().length < 1_000; i++) {
    await turn();
    seen.push(batches.flat().length);
  }
  expect(batches.flat()).toEqual(upTo(1_000));
  expect(Math.max(...batches.map(({ length }) => length))).toBeLessThanOrEqual(128);
  expect(seen.length).toBeGreaterThan(3);
});

test('what comes of calls alone is handed on at once', async () => {
  const { stream, batches, listen } = engineWith(1_000);
  listen();
  stream.read();
  await Promise.resolve();
  expect(batches).toEqual([upTo(1_000)]);
});

test('after the end nothing is handed on', async () => {
  const { stream, batches, listen } = engineWith(10);
  listen();
  stream.read();
  stream.end();
  stream.push({ type: 'need-path', peer: 11 });
  await turn();
  expect(batches).toEqual([]);
});
