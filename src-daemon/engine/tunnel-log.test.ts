/** What a tunnel says in the log of what fails: that it begins, and not how often. */
import { expect, test } from 'vitest';
import { type Fields, type Log, silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { testKey } from '../testing/tunnel-host.ts';
import { createPortableEngine } from './portable.ts';
import { Tunnel } from './tunnel.ts';
import type { EngineRecord } from './types.ts';

test('a failure is told once for each path and error, with the name of the peer', async () => {
  const clock = new FakeClock();
  const engine = createPortableEngine({ clock, random: Math.random, log: silent });
  let tell: (batch: Iterable<EngineRecord>) => void = () => undefined;
  engine.onRecords = (handle) => {
    tell = handle;
  };
  const lines: (Fields | string | undefined)[] = [];
  const log: Log = Object.assign(
    (_: string, event: string, fields?: Fields) => void lines.push(event, fields),
    {
      child: () => log,
    },
  );
  const heard: EngineRecord[] = [];
  const onRecord = (record: EngineRecord): void => void heard.push(record);
  using stack = new DisposableStack();
  const tunnel = new Tunnel({ engine, privateKey: testKey(1), clock, random: Math.random, log, onRecord });
  stack.defer(() => tunnel.close());
  tunnel.setPeers([{ peer: 4, publicKey: new Uint8Array(32).fill(7), allowedIps: [] }]);

  const failed = (peer: number | undefined, code: string): EngineRecord => ({
    type: 'path-error',
    peer,
    code,
  });
  const once = [failed(4, 'EPERM'), failed(undefined, 'EPERM'), failed(4, 'ENETUNREACH')];
  for (let second = 0; second < 5; second++) {
    tell([...once, { type: 'tun-error', code: 'EIO' }]);
    await clock.advance(1_000);
  }
  const peer = '[BwcHB]';
  expect(lines).toEqual([
    ...['path.send-failed', { peer, code: 'EPERM' }],
    ...['path.send-failed', { peer, code: 'ENETUNREACH' }],
    ...['tun.write-failed', { code: 'EIO' }],
  ]);
  expect(heard).toHaveLength(20);
});
