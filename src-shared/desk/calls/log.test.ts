/** Following the daemon's log: one stream for one page, however often it asks. */
import { expect, test } from 'vitest';
import type { Caller } from '../../bridge/dispatch.ts';
import { silent } from '../../log/log.ts';
import type { LocalApi } from '../../node/localapi-client.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { logCalls } from './log.ts';

function setUp() {
  const streams: AbortSignal[] = [];
  const api: Pick<LocalApi, 'text' | 'stream'> = {
    text: async () => 'one\ntwo\n',
    async *stream(_method, _path, signal): AsyncGenerator<Uint8Array, undefined> {
      streams.push(signal);
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      return undefined;
    },
  };
  const gone = new AbortController();
  const caller: Caller = { id: 'a', rights: 'manage', signal: gone.signal, emit: () => undefined };
  const calls = logCalls({ api: api as LocalApi, clock: new FakeClock(), log: silent });
  const tail = (follow: boolean): unknown =>
    calls['log.tail']({ follow }, { caller, signal: new AbortController().signal });
  return { tail, open: () => streams.filter(({ aborted }) => !aborted).length };
}

test('questions that come at once leave one stream open, and none when that is wanted', async () => {
  const { tail, open } = setUp();
  expect(await Promise.all([tail(true), tail(true), tail(true)])).toEqual(Array(3).fill(['one', 'two']));
  expect(open()).toBe(1);
  await tail(false);
  expect(open()).toBe(0);
});
