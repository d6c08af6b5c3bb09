/**
 * Finds out what is between this host and the mirrors (udp-mirror.ts), as RFC 5780 does with STUN servers.
 *
 *   node nat-probe.ts ADDRESS1 ADDRESS2 ADDRESS3 PORT1 PORT2
 *
 * The mirrors' sockets are numbered: 0 = address 1 port 1, 1 = address 1 port 2, 2 = address 2 port 1, 3 = address 3
 * port 1. Prints one line of JSON (../nat-class.ts).
 */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { natClass, type Seen, seen } from '../nat-class.ts';

const [one = '', two = '', , port1 = '', port2 = ''] = process.argv.slice(2);
const family = isIPv6(one) ? 'udp6' : 'udp4';
/** As many answers are lost by loaded machines; the lab's networks lose none. */
const TRIES = 3;
const ANSWER_MS = 400;

async function open(): Promise<Socket> {
  const socket = createSocket(family);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('error', reject);
  socket.bind(0, resolve);
  await promise;
  // Unreachable destinations are answers too: that nothing comes.
  socket.on('error', () => undefined);
  return socket;
}

let asked = 0;

/** What came back within the time, from wherever. */
async function ask(socket: Socket, address: string, port: string, from?: number): Promise<Seen | undefined> {
  for (let n = 0; n < TRIES; n += 1) {
    asked += 1;
    const id = `${process.pid}-${asked}`;
    const { promise, resolve } = Promise.withResolvers<Seen | undefined>();
    const hear = (datagram: Buffer): void => {
      const answer = seen.parse(JSON.parse(datagram.toString('utf8')));
      if (answer.id === id) resolve(answer);
    };
    socket.on('message', hear);
    socket.send(JSON.stringify({ id, from }), Number(port), address, (error) => {
      if (error !== null && error !== undefined) resolve(undefined);
    });
    const timer = setTimeout(() => resolve(undefined), ANSWER_MS);
    const answer = await promise;
    clearTimeout(timer);
    socket.off('message', hear);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

async function mapping(): Promise<{ readonly seen: readonly Seen[]; readonly localPort: number }> {
  const socket = await open();
  const answers = [
    await ask(socket, one, port1),
    await ask(socket, one, port2),
    await ask(socket, two, port1),
  ];
  const localPort = socket.address().port;
  socket.close();
  return { seen: answers.filter((answer) => answer !== undefined), localPort };
}

/** A fresh socket for each question, which has sent to address 1, port 1 only. */
async function letsIn(from: number): Promise<boolean> {
  const socket = await open();
  const answer = await ask(socket, one, port1, from);
  socket.close();
  return answer !== undefined;
}

/** Sends from a second socket to where the first is seen from outside. */
async function hairpin(): Promise<string | undefined> {
  const [inner, sender] = [await open(), await open()];
  const outside = await ask(inner, one, port1);
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  if (outside === undefined) resolve(undefined);
  else {
    inner.on('message', (datagram, { address }) => {
      if (datagram.toString('utf8') === 'hairpin') resolve(address);
    });
    for (let n = 0; n < TRIES; n += 1) sender.send('hairpin', outside.port, outside.ip);
  }
  const timer = setTimeout(() => resolve(undefined), ANSWER_MS);
  const from = await promise;
  clearTimeout(timer);
  for (const socket of [inner, sender]) socket.close();
  return from;
}

const [mapped, fromPort, fromAddress, looped] = await Promise.all([
  mapping(),
  letsIn(1),
  letsIn(3),
  hairpin(),
]);
console.log(JSON.stringify(natClass({ ...mapped, fromPort, fromAddress, looped })));
process.exit();
