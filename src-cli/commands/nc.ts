/** `rhumb nc`: standard input and output over a connection that the daemon makes (localapi-and-daemon.md §2.2). */
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { RhumbError } from '#shared/errors.ts';
import { formatSockAddr } from '#shared/ip/address.ts';
import { notRunning } from '../print/status.ts';
import type { Context } from './context.ts';
import type { Action } from './spec.ts';

const MAX_PORT = 65_535;

/** `rhumb nc`. */
export const nc: Action = async (context, { args }) => {
  const why = notRunning(await context.api.status({ peers: true }, context.signal));
  if (why !== undefined) {
    context.out(`${why}\n`);
    return 1;
  }
  const [host, portText] = args;
  if (host === undefined || portText === undefined)
    throw new RhumbError('bad-argument', 'usage: rhumb nc <name or address> <port>');
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : MAX_PORT + 1;
  if (port > MAX_PORT)
    throw new RhumbError('bad-argument', `invalid port number ${JSON.stringify(portText)}`);
  const stream = await open(context, host, port);
  await carry(context, stream);
  return 0;
};

async function open(context: Context, host: string, port: number): Promise<Duplex> {
  const dialled = await context.api.dial(host, port, context.signal).catch((error: unknown) => {
    const text = error instanceof Error ? error.message : String(error);
    throw new RhumbError('unavailable', `Dial(${JSON.stringify(host)}, ${port}): ${text}`, { cause: error });
  });
  if (dialled.kind === 'stream') return dialled.stream;
  const { address } = dialled;
  const socket = connect({ host: address.ip, port: address.port, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (error) =>
      reject(new RhumbError('unavailable', `dial ${formatSockAddr(address)}: ${error.message}`)),
    );
  });
  return socket;
}

/** Until the other side ends; the end of our input is only told to it, since an answer may still come. */
async function carry({ stdin, stdout }: Context, stream: Duplex): Promise<void> {
  stream.on('error', () => undefined); // `finished` below tells
  stdin.pipe(stream);
  try {
    await Promise.all([finished(stream, { writable: false }), pipeline(stream, stdout, { end: false })]);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new RhumbError('unavailable', `the connection broke: ${text}`, { cause: error });
  } finally {
    stdin.unpipe(stream);
    stdin.destroy();
    stream.destroy();
  }
}
