/** DNS over HTTPS when the way to the server breaks without a word: NATs forget, machines roam, exit nodes go. */
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { makeCertificate } from '../../derp/testing/certificates.ts';
import { answering, queryFor } from '../testing/world.ts';
import { DohClients } from './doh.ts';
import { readQuery } from './question.ts';
import type { UpstreamSockets } from './types.ts';

const certificate = makeCertificate({ commonName: 'doh.test', dnsNames: ['doh.test'] });
const query = queryFor('www.example.com', 'A');
const behaviour = answering([{ type: 'A', name: 'www.example.com', ttl: 60, data: '192.0.2.9' }]);
const never = new AbortController().signal;

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function clientsWith(connectTcp: UpstreamSockets['connectTcp']) {
  const clock = new FakeClock();
  const clients = new DohClients({
    clock,
    sockets: { openUdp: () => Promise.reject(new Error('no UDP here')), connectTcp },
    randomId: () => 1,
    marks: () => false,
    resolveHost: async () => ['127.0.0.1'],
    ca: certificate.pem,
  });
  onTestFinished(async () => await clients[Symbol.asyncDispose]());
  const read = readQuery(query);
  if (read.kind !== 'question') throw new Error('no question');
  return { clock, clients, asked: { query, question: read.question, transport: 'udp' as const } };
}

/** A server, and a NAT in front of it that forgets a connection by being told so. */
async function serverBehindNat(): Promise<{ server: number; nat: number; wires: Socket[] }> {
  const server = createSecureServer(
    { key: certificate.keyPem, cert: certificate.pem },
    (request, response) => {
      request.on('data', (message: Buffer) => {
        const [answer = new Uint8Array()] = behaviour(message);
        response.writeHead(200, { 'content-type': 'application/dns-message' });
        response.end(answer);
      });
    },
  );
  const wires: Socket[] = [];
  const nat = createServer((socket) => {
    const beyond = connect(portOf(server), '127.0.0.1');
    for (const end of [socket, beyond]) end.on('error', () => undefined);
    socket.pipe(beyond).pipe(socket);
    socket.once('close', () => beyond.destroy());
    wires.push(socket);
  });
  for (const one of [server, nat]) {
    one.listen(0, '127.0.0.1');
    await once(one, 'listening');
  }
  onTestFinished(() => {
    for (const wire of wires) wire.destroy();
    nat.close();
    server.close();
  });
  return { server: portOf(server), nat: portOf(nat), wires };
}

test('a connection that has died silently is left after a question without answer', async () => {
  const { server, nat, wires } = await serverBehindNat();
  const { clients, clock, asked } = clientsWith(async () => {
    const socket = connect(nat, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  });
  const url = `https://doh.test:${server}/dns-query`;
  const ask = (signal: AbortSignal) => clients.ask({ kind: 'https', url, ips: [] }, asked, signal);
  for (let i = 0; i < 2; i++) expect((await ask(never)).records).toHaveLength(1);
  expect(wires).toHaveLength(1);
  wires[0]?.unpipe().pause();

  const lost = new AbortController();
  const unanswered = ask(lost.signal);
  await turn();
  lost.abort(new Error('nobody waits any more'));
  await expect(unanswered).rejects.toThrow();
  await clock.advance(5_000);
  expect((await ask(never)).records).toHaveLength(1);
  expect(wires).toHaveLength(2);
});

test('one that lives is kept, however slow an answer was', async () => {
  const { server, nat, wires } = await serverBehindNat();
  const { clients, clock, asked } = clientsWith(async () => {
    const socket = connect(nat, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  });
  const url = `https://doh.test:${server}/dns-query`;
  const ask = (signal: AbortSignal) => clients.ask({ kind: 'https', url, ips: [] }, asked, signal);
  await ask(never);
  const given = new AbortController();
  const unanswered = ask(given.signal);
  await Promise.resolve();
  given.abort(new Error('another was faster'));
  await expect(unanswered).rejects.toThrow();
  // In the order of the connection: the ping was answered before this.
  await ask(never);
  await clock.advance(5_000);
  await ask(never);
  expect(wires).toHaveLength(1);
});

test('a connection to the PeerAPI that is not made in time is given up, and so makes room', async () => {
  const signals: AbortSignal[] = [];
  const { clients, clock, asked } = clientsWith((_to, { signal }) => {
    signals.push(signal);
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  });
  const addr = { ip: '100.64.0.9', port: 4_009 };
  const url = 'http://100.64.0.9:4009/dns-query';
  const unanswered = clients.ask({ kind: 'http', url, addr }, asked, never);
  unanswered.catch(() => undefined);
  await turn();
  await clock.advance(10_000);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  await expect(unanswered).rejects.toThrow(/in time/);
});
