/** Figures of a whole server: after a session in which everything happens once, no series that should have moved is still 0. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { COUNTERS, TIMINGS } from '../state/meter.ts';
import { type Loopback, loopback } from '../testing/loopback.ts';
import { TestMachine, type TestStream } from '../testing/machine.ts';
import { dnsConfig } from './dns-config.ts';

const LAN = '10.7.0.0/24';
const HOSTINFO = { OS: 'linux', Hostname: 'router', BackendLogID: 'ab', RoutableIPs: [LAN] };
/** What needs a broken disk, an authority, a provider, a flood or hours; each is counted where its own tests are. */
const ELSEWHERE = new Set([
  'store_failures',
  'certificate_renewals',
  'oidc_sign_ins',
  'rate_limited',
  'connections_refused',
  'backups',
]);

async function figures(server: Loopback): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${server.server.ops.metricsPort}/metrics`)).text();
  const sums = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^rhumb_control_([a-z_]+)(?:\{.*\})? ([\d.e+-]+)$/.exec(line) ?? [];
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value));
  }
  return sums;
}

/** Answers every probe until the stream ends. */
async function answer(stream: TestStream): Promise<void> {
  for (let asked = await stream.next(); asked !== undefined; asked = await stream.next())
    if (asked.PingRequest?.URL !== undefined) await fetch(asked.PingRequest.URL, { method: 'HEAD' });
}

test('whatever happens moves its series', async () => {
  const hook = http.createServer(
    (request, response) => void request.resume().on('end', () => response.end()),
  );
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  const dns = dnsConfig(
    { responder: { listen: '127.0.0.1:0', address: '127.0.0.1' }, https: { responder: true } },
    undefined,
  );
  await using server = await loopback({
    config: {
      ...{ dns, metricsListen: { host: '127.0.0.1', port: 0 }, webhooksMayGoInside: true },
      routing: { probeIntervalMs: 250, probeTimeoutMs: 250, failback: false },
    },
  });
  const { admin, url, authKey } = server;
  const { port } = hook.address() as AddressInfo;
  await admin.call('webhooks.create', {
    url: `http://127.0.0.1:${port}/`,
    subscriptions: ['nodeCreated', 'policyUpdate'],
  });
  await using refused = await TestMachine.connect(url);
  await refused.register({ authKey: 'rhkey-auth-nobody-knows-it' });
  const machines = [await TestMachine.connect(url), await TestMachine.connect(url)] as const;
  const answering: Promise<void>[] = [];
  const streams: TestStream[] = [];
  for (const [at, machine] of machines.entries()) {
    await machine.register({ authKey });
    const stream = await machine.stream({ Hostinfo: HOSTINFO });
    streams.push(stream);
    answering.push(answer(stream));
    await admin.call('routes.approve', { node: String(at + 1), routes: [LAN] });
  }
  const [one, two] = machines;
  await one.update({ Endpoints: ['192.0.2.7:41641'], EndpointTypes: [1], Hostinfo: HOSTINFO });
  await two.post('/machine/map', JSON.stringify(two.mapBody({ Stream: false, Hostinfo: HOSTINFO })));
  const policy = '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:22"]}]}';
  await admin.call('policy.set', { text: policy, confirm: true });
  const challenge = {
    ...{
      Version: 130,
      NodeKey: one.nodeKey,
      Type: 'TXT',
      Value: 'Zm9vYmFyLWZvb2Jhci1mb29iYXItZm9vYmFyLWZvb2I',
    },
    Name: `_acme-challenge.${server.server.network.node(1)?.record.givenName}.rhumb.internal`,
  };
  expect((await one.post('/machine/set-dns', JSON.stringify(challenge))).status).toBe(200);
  expect((await fetch(`${url}/api/v1/node`, { headers: { authorization: 'Bearer nobody' } })).status).toBe(
    401,
  );
  const moved = async (name: string): Promise<number> => (await figures(server)).get(name) ?? 0;
  for (const name of ['route_probes_total', 'webhook_deliveries_total'])
    await expect.poll(() => moved(name), { timeout: 5_000 }).toBeGreaterThan(0);
  streams[0]?.close();
  await answering[0];
  await expect.poll(() => moved('map_streams_ended_total')).toBeGreaterThan(0);
  const sums = await figures(server);
  const names = [
    ...Object.keys(COUNTERS).flatMap((name) => (ELSEWHERE.has(name) ? [] : [`${name}_total`])),
    ...Object.keys(TIMINGS).map((name) => `${name}_count`),
  ];
  expect(names.filter((name) => (sums.get(name) ?? 0) === 0)).toEqual([]);
  for (const stream of streams) stream.close();
  await Promise.all(answering);
  for (const machine of machines) await machine[Symbol.asyncDispose]();
  await new Promise((resolve) => hook.close(resolve));
});
