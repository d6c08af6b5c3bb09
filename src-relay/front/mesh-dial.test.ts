/** The upgrade to another relay: answers cut anywhere, wrong ones, and none. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { listen } from './listen.ts';
import { dialMesh, upgrade } from './mesh-dial.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** A server that does `then` with each connection when it has sent its request. */
async function answering(then: (socket: Socket, request: string) => void): Promise<Socket> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', (request) => then(socket, request.toString()));
  });
  servers.push(server);
  const port = await listen(server, { host: '127.0.0.1', port: 0 }, 'TCP');
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

const ask = (socket: Socket, signal = AbortSignal.timeout(5_000)): Promise<Uint8Array> =>
  upgrade(socket, { host: 'relay.test', port: 8_443 }, signal);

test('what comes behind the answer is kept, however it is cut', async () => {
  const answer = Buffer.from('HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\n\r\nKEY');
  let asked = '';
  const socket = await answering((other, request) => {
    asked = request;
    other.setNoDelay(true);
    for (let at = 0; at < answer.length; at += 9) other.write(answer.subarray(at, at + 9));
  });
  const rest = await ask(socket);
  expect('KEY'.startsWith(Buffer.from(rest).toString())).toBe(true);
  expect(asked).toBe(
    'GET /derp HTTP/1.1\r\nHost: relay.test:8443\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n',
  );
});

test.each([
  ['another status', 'HTTP/1.1 426 Upgrade Required\r\n\r\n', 'it answered "HTTP/1.1 426 Upgrade Required"'],
  ['no HTTP', 'SSH-2.0-x\r\n\r\n', 'it answered "SSH-2.0-x"'],
  ['an endless head', `HTTP/1.1 101 x\r\nA: ${'a'.repeat(20_000)}`, 'its answer has too large a head'],
])('%s is refused', async (_, text, why) => {
  const socket = await answering((other) => other.write(text));
  await expect(ask(socket)).rejects.toThrow(why);
});

test('a relay that hangs up, and one that says nothing', async () => {
  const closing = await answering((other) => other.end());
  await expect(ask(closing)).rejects.toThrow('it closed the connection');
  const stop = new AbortController();
  const silent = ask(await answering(() => undefined), stop.signal);
  stop.abort(new Error('enough'));
  await expect(silent).rejects.toThrow('enough');
});

test('a relay that is not there, or has no TLS, is named', async () => {
  const never = new AbortController().signal;
  const gone = dialMesh({ host: 'relay.test', port: 9, dialHost: '127.0.0.1' }, never);
  await expect(gone).rejects.toThrow('dial relay relay.test:9: connection refused');
  const plain = createServer((socket) => void socket.end('HTTP/1.1 400 no\r\n\r\n'));
  servers.push(plain);
  const port = await listen(plain, { host: '127.0.0.1', port: 0 }, 'TCP');
  const untold = dialMesh({ host: 'relay.test', port, dialHost: '127.0.0.1' }, never);
  await expect(untold).rejects.toThrow(`dial relay relay.test:${port}: `);
});
