/** Two routers of one prefix at a whole server: approval, probes over HTTP, and who carries on when one falls silent. */
import { expect, test } from 'vitest';
import type { Network } from '../state/network.ts';
import { loopback } from '../testing/loopback.ts';
import { TestMachine, type TestStream } from '../testing/machine.ts';

const LAN = '10.7.0.0/24';
const HOSTINFO = { OS: 'linux', Hostname: 'router', BackendLogID: 'ab', RoutableIPs: [LAN] };
/** Real time, so short; the server's own are checked where they are read. */
const routing = { probeIntervalMs: 250, probeTimeoutMs: 250, failback: false };

/** Resolves when the machine carries the prefix. */
const carries = (network: Network, id: number): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (network.primaries.get(LAN) !== id) return;
      stop();
      resolve();
    };
    const stop = network.subscribe(look);
    look();
  });

/** Answers every probe until the stream ends or it is told to stop. */
async function answer(stream: TestStream, until: AbortSignal): Promise<void> {
  for (let asked = await stream.next(); asked !== undefined; asked = await stream.next()) {
    const url = asked.PingRequest?.URL;
    if (url !== undefined && !until.aborted) await fetch(url, { method: 'HEAD' });
  }
}

test('a router that does not answer hands over to the one that does', async () => {
  await using server = await loopback({ config: { routing } });
  const { network } = server.server;
  const quiet = new AbortController();
  const machines = [await TestMachine.connect(server.url), await TestMachine.connect(server.url)] as const;
  const ids: number[] = [];
  const answering: Promise<void>[] = [];
  const streams: TestStream[] = [];
  for (const [at, machine] of machines.entries()) {
    await machine.register({ authKey: server.authKey });
    const stream = await machine.stream({ Hostinfo: HOSTINFO });
    streams.push(stream);
    const id = network.nodeByKey(machine.nodeKey)?.record.id ?? 0;
    ids.push(id);
    await server.admin.call('routes.approve', { node: String(id), routes: [LAN] });
    answering.push(answer(stream, at === 0 ? quiet.signal : new AbortController().signal));
  }
  await carries(network, ids[0] ?? 0);
  quiet.abort();
  await carries(network, ids[1] ?? 0);
  const rows = await server.admin.call('routes.list', {});
  expect(rows.map(({ node, primary }) => [node, primary])).toEqual([
    [ids[0], false],
    [ids[1], true],
  ]);
  for (const stream of streams) stream.close();
  await Promise.all(answering);
  for (const machine of machines) await machine[Symbol.asyncDispose]();
});

test('who answers what nobody asked gets 404', async () => {
  await using server = await loopback();
  for (const query of ['', '?id=', '?id=made-up', `?id=${'x'.repeat(5_000)}`])
    expect((await fetch(`${server.url}/machine/ping-response${query}`, { method: 'HEAD' })).status).toBe(404);
});
