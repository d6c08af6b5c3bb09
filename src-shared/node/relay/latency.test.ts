/** The latency of a relay by HTTPS: the request alone is timed, and only success counts. Plain TCP on the loopback stands for TLS. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { RhumbError } from '../../errors.ts';
import { derpRegion } from '../../wire/map.ts';
import { systemClock } from '../clock.ts';
import { httpsLatency, type LatencyDial } from './latency.ts';

const region = derpRegion.parse({
  RegionID: 7,
  RegionCode: 'x',
  RegionName: 'X',
  Nodes: [
    { Name: '7s', RegionID: 7, HostName: 'stun.example', STUNOnly: true },
    { Name: '7a', RegionID: 7, HostName: 'relay.example', DERPPort: 8_443 },
  ],
});
const signal = AbortSignal.timeout(10_000);

async function ask(
  listener: RequestListener,
  options: { readonly dialMs?: number; readonly signal?: AbortSignal } = {},
) {
  const clock = systemClock();
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dial: LatencyDial = async ({ nodes }) => {
    const [node] = nodes;
    if (node === undefined) throw new RhumbError('unavailable', 'no relay');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    await clock.sleep(options.dialMs ?? 0);
    return { node, remoteIp: '::ffff:127.0.0.1', socket };
  };
  try {
    return await httpsLatency(dial, clock)(region, options.signal ?? signal);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('latency of a relay', () => {
  test('is that of the request: dialling does not count', async () => {
    const seen: (string | undefined)[] = [];
    const { latencyMs, ip } = await ask(
      (request, response) => {
        seen.push(request.method, request.url, request.headers.host);
        response.end('ok');
      },
      { dialMs: 300 },
    );
    expect(seen).toEqual(['GET', '/derp/latency-check', 'relay.example:8443']);
    expect(ip).toBe('127.0.0.1');
    expect(latencyMs).toBeGreaterThan(0);
    expect(latencyMs).toBeLessThan(250);
  });

  test.each([
    ['a refusal', 403, 'ask relay 7a for its latency: it answers 403'],
    ['a redirect', 302, 'ask relay 7a for its latency: it answers 302'],
  ])('%s is somebody else’s answer', async (_name, status, message) => {
    await expect(ask((_, response) => response.writeHead(status).end())).rejects.toThrow(message);
  });

  test('a long answer is not read to its end', async () => {
    await expect(ask((_, response) => response.end('x'.repeat(100_000)))).rejects.toThrow('too long');
  });

  test('a connection that breaks', async () => {
    await expect(ask((request) => request.socket.destroy())).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('an abort is an abort', async () => {
    const controller = new AbortController();
    const asked = ask(() => controller.abort(new Error('enough')), { signal: controller.signal });
    await expect(asked).rejects.toThrow('enough');
  });
});
