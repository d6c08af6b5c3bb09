/** Names of what the daemon must reach: whom it asks, and what is left when nobody answers. */
import { createSocket, type Socket } from 'node:dgram';
import { createServer } from 'node:net';
import { decode, encode, TRUNCATED_RESPONSE } from 'dns-packet';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '#shared/node/clock.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { askServers } from './ask.ts';
import { outsideDial } from './dial.ts';
import { KeptNames } from './kept-names.ts';
import { OutsideNames, type OutsideNamesDeps } from './names.ts';
import { outsideSockets } from './sockets.ts';

const log = Object.assign(() => undefined, { child: () => log }) as never;
const sockets = outsideSockets({ log, wayOut: () => ({ kind: 'none' }) });
const never = new AbortController().signal;

/** A name server on the loopback that knows one name. */
async function serve(
  reply: (
    name: string,
    type: string,
  ) => { readonly data?: string; readonly code?: number; readonly cut?: boolean } | undefined,
): Promise<{ readonly port: number; readonly asked: string[] }> {
  const asked: string[] = [];
  const socket: Socket = createSocket('udp4');
  socket.on('message', (message, from) => {
    const { id = 0, questions = [] } = decode(message);
    const [question] = questions;
    if (question === undefined) return;
    asked.push(`${question.type} ${question.name}`);
    const said = reply(question.name, question.type);
    if (said === undefined) return;
    const flags = (said.code ?? 0) | (said.cut === true ? TRUNCATED_RESPONSE : 0);
    const answers =
      said.data === undefined ? [] : [{ type: 'A' as const, name: question.name, ttl: 1, data: said.data }];
    socket.send(encode({ type: 'response', id, flags, questions, answers }), from.port, from.address);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.bind(0, '127.0.0.1', resolve);
  await promise;
  onTestFinished(() => void socket.close());
  return { port: socket.address().port, asked };
}

const memory = () => ({ get: () => undefined, set: async () => undefined });
const base: OutsideNamesDeps = {
  clock: systemClock(),
  log,
  sockets,
  kept: new KeptNames(memory()),
  newId: () => 4_711,
  baseServers: async () => [],
  system: async () => {
    throw Object.assign(new Error('x'), { code: 'ENOTFOUND' });
  },
  read: async () => undefined,
  isClosed: () => false,
};
const make = (change: Partial<OutsideNamesDeps>) =>
  new OutsideNames({ ...base, kept: new KeptNames(memory()), ...change });
const ask = (ports: readonly number[], clock = base.clock) =>
  askServers(
    ports.map((port) => ({ ip: '127.0.0.1', port })),
    { name: 'control.example', family: 4 },
    { clock, sockets, newId: base.newId },
    never,
  );

test('an address is itself', async () => {
  expect(await make({}).resolve('192.0.2.1')).toEqual(['192.0.2.1']);
  expect(await make({}).resolve('2001:db8::1')).toEqual(['2001:db8::1']);
});

test('asks the system while nothing stands in its way', async () => {
  const system = async (host: string, family: 4 | 6) =>
    family === 4 ? [`${host === 'a.example' ? '192.0.2.1' : ''}`] : ['2001:db8::1'];
  const names = make({ system });
  expect(await names.resolve('A.Example.')).toEqual(['192.0.2.1', '2001:db8::1']);
  expect(await names.resolve('a.example', 6)).toEqual(['2001:db8::1']);
});

test('looks into the hosts file and asks the servers behind ourselves when the system asks us', async () => {
  const files: Readonly<Record<string, string>> = {
    '/etc/resolv.conf': 'nameserver 100.100.100.100',
    '/etc/hosts': '192.0.2.7 control.example',
  };
  const names = make({ read: async (path) => files[path], system: async () => ['198.51.100.1'] });
  expect(await names.resolve('control.example')).toEqual(['192.0.2.7']);
});

test.each(['', 'a b', '-', 'a..b', `${'a'.repeat(64)}.example`, 'x'.repeat(300), '[::1]', 'a/b'])(
  '%j is no name',
  async (host) => {
    await expect(make({ system: async () => ['192.0.2.1'] }).resolve(host)).rejects.toMatchObject({
      code: 'ENOTFOUND',
    });
  },
);

test('what was known before is used when the system fails, and when it takes too long', async () => {
  const clock = new FakeClock();
  let behave: () => Promise<readonly string[]> = async () => ['192.0.2.1'];
  const names = make({ clock, system: () => behave() });
  expect(await names.resolve('a.example', 4)).toEqual(['192.0.2.1']);
  behave = async () => {
    throw Object.assign(new Error('no network'), { code: 'EAI_AGAIN' });
  };
  expect(await names.resolve('a.example', 4)).toEqual(['192.0.2.1']);
  let asked = 0;
  behave = () => {
    asked++;
    return new Promise(() => undefined);
  };
  const first = names.resolve('a.example', 4);
  const second = names.resolve('a.example', 4);
  await clock.advance(2_000);
  expect(await Promise.all([first, second])).toEqual([['192.0.2.1'], ['192.0.2.1']]);
  // One question hangs, not one for each who asks.
  expect(asked).toBe(1);
});

test('one family alone will do', async () => {
  const system = async (_host: string, family: 4 | 6) => {
    if (family === 4) throw Object.assign(new Error('no'), { code: 'ENOTFOUND' });
    return ['2001:db8::1'];
  };
  expect(await make({ system }).resolve('a.example')).toEqual(['2001:db8::1']);
});

test('a server that refuses or is not there is passed over at once', async () => {
  const bad = await serve(() => ({ code: 2 }));
  const good = await serve(() => ({ data: '192.0.2.1' }));
  expect(await ask([1, bad.port, good.port])).toEqual(['192.0.2.1']);
});

test('that a name does not exist is an answer', async () => {
  const one = await serve(() => ({ code: 3 }));
  expect(await ask([one.port])).toEqual([]);
});

test('all of them failing is a look-up that failed', async () => {
  const bad = await serve(() => ({ code: 2 }));
  await expect(ask([1, bad.port])).rejects.toMatchObject({ code: 'EAI_AGAIN' });
});

test('a long answer is fetched over TCP', async () => {
  const short = await serve(() => ({ cut: true }));
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (data) => {
      const { id = 0, questions = [] } = decode(data.subarray(2));
      const message = encode({
        type: 'response',
        id,
        questions,
        answers: [{ type: 'A', name: 'control.example', ttl: 1, data: '192.0.2.5' }],
      });
      const head = Buffer.alloc(2);
      head.writeUInt16BE(message.length);
      // Cut where it hurts.
      socket.write(head.subarray(0, 1));
      socket.write(Buffer.concat([head.subarray(1), message]));
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(short.port, '127.0.0.1', resolve);
  await promise;
  onTestFinished(() => void server.close());
  expect(await ask([short.port])).toEqual(['192.0.2.5']);
});

test('dials the addresses of a name in turn and reports the first failure', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined));
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  onTestFinished(() => void server.close());
  const { port } = server.address() as { readonly port: number };
  const dial = (addresses: readonly string[]) =>
    outsideDial({ clock: base.clock, sockets, names: { resolve: async () => addresses } })(
      { host: 'x', port },
      never,
    );
  const socket = await dial(['127.0.0.2', '127.0.0.1']);
  expect(socket.remoteAddress).toMatch(/^127\.0\.0\.[12]$/);
  socket.destroy();
  await expect(dial(['::1'])).rejects.toMatchObject({ code: expect.stringMatching(/^E/) });
});
