/** What the portable engine tells when datagrams do not leave: as the native one (native/src/sockets.rs). */
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { createPortableEngine } from './portable.ts';
import type { EngineRecord, SocketFactory } from './types.ts';

const PEER = 3;
const FAR = { ip: '192.0.2.2', port: 41_641 };
const MTU = 1_280;

/** An engine of one peer, whose sockets refuse everything in the way that the test wants. */
async function refused() {
  const clock = new FakeClock();
  const says = { code: 'EPERM' };
  const sockets: SocketFactory = {
    open: async ({ sendFailed }) => ({
      port: 7,
      send: (to) => void clock.after(0, () => sendFailed?.(to, says.code)),
      close: async () => undefined,
    }),
  };
  const engine = createPortableEngine({ clock, random: Math.random, log: silent });
  const records: EngineRecord[] = [];
  engine.onRecords((batch) => records.push(...batch));
  await engine.start({ tun: { kind: 'none' }, mtu: MTU, port: 7, sockets });
  engine.apply([
    { op: 'peer-add', peer: PEER, publicKey: new Uint8Array(32) },
    { op: 'path-set', peer: PEER, path: { mode: 'direct', direct: FAR } },
  ]);
  /** Sends a datagram of that size and waits a while; what was told. */
  const send = async (code: string, size = 100, waitMs = 10): Promise<readonly EngineRecord[]> => {
    says.code = code;
    engine.inject([{ kind: 'udp', to: FAR, data: new Uint8Array(size) }]);
    await clock.advance(waitMs);
    return records.splice(0);
  };
  const dropped = (name: string): number => Number(engine.stats()[`drop.${name}`]);
  return { send, dropped, [Symbol.asyncDispose]: () => engine.destroy() };
}

test('a refusal is counted each time, and told once a second with the peer whose path it is', async () => {
  await using engine = await refused();
  const told = { type: 'path-error', peer: PEER, via: undefined, code: 'EPERM' };
  expect(await engine.send('EPERM')).toEqual([told]);
  expect(await engine.send('EPERM', 100, 1_000)).toEqual([]);
  expect(await engine.send('EPERM')).toEqual([told]);
  expect(engine.dropped('send-failed')).toBe(3);
});

test('a full socket is counted apart, and told only when the system itself is full', async () => {
  await using engine = await refused();
  expect(await engine.send('EAGAIN')).toEqual([]);
  expect(await engine.send('ENOBUFS')).toMatchObject([{ code: 'ENOBUFS' }]);
  expect([engine.dropped('would-block'), engine.dropped('send-failed')]).toEqual([2, 0]);
});

test('too long for the path is news only of what the tunnel itself sends', async () => {
  await using engine = await refused();
  expect(await engine.send('EMSGSIZE', MTU + 33, 1_000)).toEqual([]);
  expect(await engine.send('EMSGSIZE', MTU + 32)).toMatchObject([{ code: 'EMSGSIZE' }]);
  expect(engine.dropped('send-failed')).toBe(2);
});
