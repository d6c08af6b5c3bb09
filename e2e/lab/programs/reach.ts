/**
 * What can be begun from here, and what is there to be reached.
 *
 *   node reach.ts serve ADDRESS... PORT...   echoes TCP and UDP on every address and port; says `ready`
 *   node reach.ts try PROTO/ADDRESS/PORT...  tries each once at the same time; says a JSON list of whether it was answered;
 *                                            `pieces` is UDP in a datagram that must be cut up
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

/** An answer within the lab takes milliseconds; nothing but a drop takes this long. */
const WAIT_MS = 1_500;
const RESEND_MS = 500;
/** Of every MTU that there is in the lab. */
const PIECES_BYTES = 4_000;

const [what, ...words] = process.argv.slice(2);
if (what === 'serve') await serve(words);
else console.log(JSON.stringify(await Promise.all(words.map(tryOne))));
if (what === 'try') process.exit();

async function serve(all: readonly string[]): Promise<void> {
  const ports = all.filter((word) => /^\d+$/.test(word)).map(Number);
  for (const address of all.filter((word) => !/^\d+$/.test(word)))
    for (const port of ports) {
      await new Promise<void>((resolve) =>
        createServer((socket) => {
          socket.on('error', () => socket.destroy());
          socket.pipe(socket);
        }).listen(port, address, resolve),
      );
      const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4');
      udp.on('message', (message, from) => udp.send(message, from.port, from.address));
      await new Promise<void>((resolve) => udp.bind(port, address, resolve));
    }
  console.log('ready');
}

function tryOne(target: string): Promise<boolean> {
  const [protocol, address = '', port] = target.split('/');
  if (protocol === 'tcp') return tryTcp(address, Number(port));
  return tryUdp(address, Number(port), protocol === 'pieces' ? PIECES_BYTES : 4);
}

function tryTcp(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: WAIT_MS });
    const end = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}

function tryUdp(address: string, port: number, bytes: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const send = (): void => socket.send('echo'.padEnd(bytes), port, address, () => undefined);
    const again = setInterval(send, RESEND_MS);
    const end = (isThere: boolean): void => {
      clearInterval(again);
      clearTimeout(enough);
      socket.close();
      resolve(isThere);
    };
    const enough = setTimeout(() => end(false), WAIT_MS);
    socket.once('message', (answer) => end(answer.length === bytes));
    socket.once('error', () => end(false));
    send();
  });
}
