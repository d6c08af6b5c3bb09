/** DNS over HTTPS against real servers on the loopback: both versions of HTTP, certificates, and what is no answer. */
import { once } from 'node:events';
import { createServer as createHttp, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { makeCertificate } from '../../derp/testing/certificates.ts';
import { answering, queryFor } from '../testing/world.ts';
import { DohClients } from './doh.ts';
import { readQuery } from './question.ts';
import type { UpstreamSockets } from './types.ts';

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

interface Seen {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly id: number;
  readonly version: string;
}

type Reply = (answer: Uint8Array) => {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array;
};

const good: Reply = (body) => ({ status: 200, type: 'application/dns-message', body });
const certificate = makeCertificate({ commonName: 'doh.test', dnsNames: ['doh.test'] });
const query = queryFor('www.example.com', 'A');
const never = new AbortController().signal;

/** Only what both versions of the library's requests have is used. */
interface Request {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  on(event: 'data', handle: (chunk: Buffer) => void): unknown;
  on(event: 'end', handle: () => void): unknown;
}
type Answer = Pick<ServerResponse, 'writeHead' | 'end'>;

const handler =
  (seen: Seen[], reply: Reply) =>
  (request: Request, response: Answer): void => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const message = Buffer.concat(chunks);
      const { method, url, httpVersion } = request;
      seen.push({ method, path: url, id: message.readUInt16BE(0), version: httpVersion });
      const [answer = new Uint8Array()] = answering([
        { type: 'A', name: 'www.example.com', ttl: 60, data: '192.0.2.99' },
      ])(message);
      const { status, type, body } = reply(answer);
      response.writeHead(status, { 'content-type': type });
      response.end(body);
    });
  };

async function setup(kind: 'h2' | 'h1' | 'http', reply: Reply = good) {
  const seen: Seen[] = [];
  const keys = { key: certificate.keyPem, cert: certificate.pem };
  const handle = handler(seen, reply);
  const server =
    kind === 'http'
      ? createHttp(handle)
      : kind === 'h1'
        ? createHttps(keys, handle)
        : createSecureServer(keys, (request, response) =>
            handle(request, {
              writeHead: (...args: unknown[]) => Reflect.apply(response.writeHead, response, args),
              end: (...args: unknown[]) => Reflect.apply(response.end, response, args),
            } as Answer),
          );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const marks: boolean[] = [];
  let connections = 0;
  const sockets: UpstreamSockets = {
    openUdp: () => Promise.reject(new Error('no UDP here')),
    connectTcp: async ({ ip, port: to }, { mark }) => {
      connections++;
      marks.push(mark);
      const socket = connect(to, ip);
      await once(socket, 'connect');
      return socket;
    },
  };
  const clients = new DohClients({
    clock: new FakeClock(),
    sockets,
    randomId: () => 1,
    marks: () => kind !== 'http',
    resolveHost: async () => ['127.0.0.1'],
    ca: certificate.pem,
  });
  open.push(
    () => clients[Symbol.asyncDispose](),
    () => server.close(),
  );
  const read = readQuery(query);
  if (read.kind !== 'question') throw new Error('no question');
  const asked = { query, question: read.question, transport: 'udp' as const };
  const ask = (host = 'doh.test') =>
    clients.ask(
      kind === 'http'
        ? { kind: 'http', url: `http://127.0.0.1:${port}/dns-query`, addr: { ip: '127.0.0.1', port } }
        : {
            kind: 'https',
            url: `https://${host}:${port}/dns-query?a=b`,
            ips: host === 'doh.test' ? [] : ['127.0.0.1'],
          },
      asked,
      never,
    );
  return { ask, seen, marks, connections: () => connections };
}

describe.each([
  ['h2', '2.0', 1],
  ['h1', '1.1', 2],
  ['http', '1.1', 1],
] as const)('over %s', (kind, version, connections) => {
  test('a question is asked, with the id that everybody has, and the connection kept where it can be', async () => {
    const all = await setup(kind);
    for (let i = 0; i < 2; i++) expect((await all.ask()).records).toMatchObject([{ type: 1, ttlS: 60 }]);
    const path = kind === 'http' ? '/dns-query' : '/dns-query?a=b';
    expect(all.seen).toEqual(Array.from({ length: 2 }, () => ({ method: 'POST', path, id: 0, version })));
    expect(all.connections()).toBe(connections);
    expect(all.marks[0]).toBe(kind !== 'http');
  });

  test.each([
    ['an error of the server', () => ({ ...good(new Uint8Array()), status: 502 }), /status 502/],
    ['a page', (body: Uint8Array) => ({ status: 200, type: 'text/html', body }), /text\/html/],
    ['noise', () => good(new Uint8Array(30)), /another question/],
    ['more than a message', () => good(new Uint8Array(70_000)), /more than a message/],
  ])('%s is no answer', async (_, reply, why) => {
    const all = await setup(kind, reply);
    await expect(all.ask()).rejects.toThrow(why);
  });
});

test('a certificate of another name is not believed', async () => {
  const all = await setup('h2');
  await expect(all.ask('other.test')).rejects.toThrow(/other\.test/);
  expect(all.seen).toEqual([]);
});
