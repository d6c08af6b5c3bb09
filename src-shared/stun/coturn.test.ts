/** Our request against a foreign STUN server, coturn, on the loopback; skipped where it is not installed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { decodeResponse, encodeRequest } from './stun.ts';

const PROGRAM = 'turnserver';
const isThere = spawnSync('sh', ['-c', `command -v ${PROGRAM}`]).status === 0;
/** Each try waits this long for an answer: the server needs a moment to start. */
const TRY_MS = 100;
const TRIES = 80;

async function freePort(): Promise<number> {
  const probe = createSocket('udp4');
  probe.bind(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  await new Promise<void>((resolve) => probe.close(resolve));
  return port;
}

function start(port: number): ChildProcess {
  const flags = ['-n', '--no-auth', '--stun-only', '--no-tcp', '--no-tls', '--no-dtls', '--no-cli'];
  const place = ['--listening-ip=127.0.0.1', `--listening-port=${port}`, '--relay-ip=127.0.0.1'];
  const quiet = ['--log-file=/dev/null', '--pidfile=/dev/null', '--no-stdout-log'];
  return spawn(PROGRAM, [...flags, ...place, ...quiet], { stdio: 'ignore' });
}

async function ask(socket: Socket, port: number, txId: Uint8Array): Promise<Uint8Array | undefined> {
  for (let nth = 0; nth < TRIES; nth++) {
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(TRY_MS) });
    socket.send(encodeRequest(txId), port, '127.0.0.1');
    try {
      const [data] = await answer;
      return data;
    } catch {
      // Not up yet.
    }
  }
  return undefined;
}

test.skipIf(!isThere)('coturn answers our request, and we understand it', { timeout: 15_000 }, async () => {
  const port = await freePort();
  const server = start(port);
  const socket = createSocket('udp4');
  try {
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const txId = Uint8Array.from({ length: 12 }, (_, at) => at + 1);
    const answer = await ask(socket, port, txId);
    expect(answer && decodeResponse(answer)).toEqual({
      txId,
      addr: { ip: '127.0.0.1', port: socket.address().port },
    });
  } finally {
    socket.close();
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
});
