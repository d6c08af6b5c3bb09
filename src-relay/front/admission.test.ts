/** Admission: what each answer of a controller or daemon means, and that all checks must agree. */

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { nodeKeyFrom } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { allOf, isOutOfReach, verifyByDaemon, verifyByUrl } from './admission.ts';
import { listen } from './listen.ts';

const KEY = nodeKeyFrom(new Uint8Array(32).fill(7));
const folder = mkdtempSync(join(tmpdir(), 'rhumb-relay-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});
const never = new AbortController().signal;

async function controller(answer: RequestListener): Promise<URL> {
  const server = createServer(answer);
  servers.push(server);
  return new URL(`http://127.0.0.1:${await listen(server, { host: '127.0.0.1', port: 0 }, 'HTTP')}/verify`);
}

describe('by URL', () => {
  test('the controller gets the key and the address', async () => {
    let asked: unknown;
    const url = await controller((request, response) => {
      let body = '';
      request.on('data', (part) => {
        body += part;
      });
      request.on('end', () => {
        asked = { method: request.method, path: request.url, body: JSON.parse(body) };
        response.end('{"Allow":true}');
      });
    });
    const verify = verifyByUrl({ url, isFailOpen: false, log: silent });
    expect(await verify(KEY, '192.0.2.1', never)).toBe(true);
    expect(asked).toEqual({
      method: 'POST',
      path: '/verify',
      body: { NodePublic: KEY, Source: '192.0.2.1' },
    });
  });

  test.each([
    { name: 'yes', status: 200, body: '{"Allow":true}', allowed: true },
    { name: 'yes, and more', status: 200, body: '{"Allow":true,"x":[1]}', allowed: true },
    { name: 'no', status: 200, body: '{"Allow":false}', allowed: false },
    { name: 'nothing', status: 200, body: '{}', allowed: false },
    { name: 'no JSON', status: 200, body: 'yes', allowed: false },
    { name: 'a word for yes', status: 200, body: '{"Allow":"true"}', allowed: false },
    { name: 'another status', status: 201, body: '{"Allow":true}', allowed: false },
    { name: 'an error', status: 500, body: '{"Allow":true}', allowed: false },
    {
      name: 'more than 4 KiB',
      status: 200,
      body: `{"x":"${'a'.repeat(5_000)}","Allow":true}`,
      allowed: false,
    },
  ])('$name, however open it fails', async ({ status, body, allowed }) => {
    const url = await controller((_request, response) => response.writeHead(status).end(body));
    for (const isFailOpen of [true, false])
      expect(await verifyByUrl({ url, isFailOpen, log: silent })(KEY, '', never)).toBe(allowed);
  });

  test.each([true, false])('out of reach: fail open %s', async (isFailOpen) => {
    const url = new URL('http://127.0.0.1:9/verify');
    expect(await verifyByUrl({ url, isFailOpen, log: silent })(KEY, '', never)).toBe(isFailOpen);
  });
});

describe('failing open is for an address out of reach, not', () => {
  test('for a refusal that breaks off', async () => {
    const url = await controller((_request, response) => {
      response.writeHead(403, { 'content-length': 10 }).write('no');
      setImmediate(() => response.destroy());
    });
    expect(await verifyByUrl({ url, isFailOpen: true, log: silent })(KEY, '', never)).toBe(false);
  });

  test('for a client that has gone, nor is that worth a warning', async () => {
    const url = await controller(() => undefined);
    const events: string[] = [];
    const log = Object.assign((_level: string, event: string) => void events.push(event), {
      child: () => silent,
    });
    const gone = new AbortController();
    const asked = verifyByUrl({ url, isFailOpen: true, log })(KEY, '', gone.signal);
    gone.abort();
    expect(await asked).toBe(false);
    expect(events).toEqual([]);
  });

  test.each(['EMFILE', 'EADDRNOTAVAIL'])('for what we lack ourselves: %s', (code) => {
    expect(isOutOfReach(Object.assign(new Error('x'), { code }))).toBe(false);
    expect(isOutOfReach(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }))).toBe(true);
  });

  test('for a crowd that would use up our own ports', async () => {
    let asked = 0;
    const url = await controller(() => asked++);
    const verify = verifyByUrl({ url, isFailOpen: true, log: silent });
    const enough = new AbortController();
    const crowd = Array.from({ length: 1_024 }, () => verify(KEY, '', enough.signal));
    expect(await verify(KEY, '', never)).toBe(false);
    enough.abort();
    await Promise.all(crowd);
    expect(asked).toBeLessThanOrEqual(1_024);
  });
});

describe('by the daemon on this machine', () => {
  async function daemon(answer: RequestListener): Promise<string> {
    const server = createServer(answer);
    servers.push(server);
    const path = join(folder, `${servers.length}-${Math.floor(performance.now())}.sock`);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return path;
  }

  test.each([
    { name: 'known', status: 200, body: '{"Node":{}}', allowed: true },
    { name: 'not known', status: 404, body: 'no match for IP:port', allowed: false },
    { name: 'an error', status: 500, body: 'broken', allowed: false },
  ])('$name', async ({ status, body, allowed }) => {
    let path = '';
    const socket = await daemon((request, response) => {
      path = request.url ?? '';
      response.writeHead(status).end(body);
    });
    expect(await verifyByDaemon(socket, systemClock(), silent)(KEY, '', never)).toBe(allowed);
    expect(path).toBe(`/localapi/v0/whois?addr=${encodeURIComponent(KEY)}`);
  });

  test('that is not there lets nobody in', async () => {
    const verify = verifyByDaemon(join(folder, 'none.sock'), systemClock(), silent);
    expect(await verify(KEY, '', never)).toBe(false);
  });
});

describe('several checks', () => {
  const [yes, no] = [async () => true, async () => false];
  test.each([
    [[yes, yes], true],
    [[yes, no], false],
    [[no, yes], false],
  ])('must all agree', async (checks, allowed) => {
    expect(await allOf(checks)?.(KEY, '', never)).toBe(allowed);
  });
  test('none lets everybody in', () => expect(allOf([])).toBeUndefined());
});
