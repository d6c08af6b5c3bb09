/** DNS over TCP (RFC 7766): messages behind their lengths, many under way on one connection. */
import { createServer, type Server, type Socket } from 'node:net';
import { RhumbError } from '#shared/errors.ts';
import type { DnsResolver } from '../resolver/types.ts';
import { get16, put16 } from './packet.ts';

export interface TcpServerOptions {
  readonly ip: string;
  /** Connections from elsewhere are ended at once. */
  readonly onlyFrom: string;
  readonly resolver: Pick<DnsResolver, 'answer'>;
}

const IDLE_MS = 45_000;
/** Questions are short; the official client takes as much. */
const MAX_REQUEST_BYTES = 4_096;
const MAX_CONNECTIONS = 256;
/** Of one connection; then nothing more is read until some are answered. */
const MAX_UNDER_WAY = 32;

export class DnsTcpServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #ended = new AbortController();
  readonly #sockets = new Set<Socket>();

  private constructor(options: TcpServerOptions) {
    // Half open: who has no more to ask still wants the answers (RFC 7766 §6.2.4 closes after them).
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) =>
      this.#accept(socket, options),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** On a port of the system's choice. */
  static async listen(options: TcpServerOptions): Promise<DnsTcpServer> {
    const self = new DnsTcpServer(options);
    await new Promise<void>((resolve, reject) => {
      self.#server.once('error', (cause) =>
        reject(new RhumbError('unavailable', `listen for DNS on ${options.ip}: ${cause.message}`, { cause })),
      );
      self.#server.listen({ host: options.ip, port: 0, exclusive: true }, resolve);
    });
    self.#server.on('error', () => undefined); // a connection that could not be accepted
    return self;
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new RhumbError('unavailable', 'the resolver has ended'));
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket, { onlyFrom, resolver }: TcpServerOptions): void {
    if (socket.remoteAddress !== onlyFrom) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    serve(socket, resolver, this.#ended.signal);
  }
}

function serve(socket: Socket, resolver: Pick<DnsResolver, 'answer'>, ended: AbortSignal): void {
  const gone = new AbortController();
  const signal = AbortSignal.any([gone.signal, ended]);
  let pending: Buffer = Buffer.alloc(0);
  let underWay = 0;
  let isReadable = true;
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on('error', () => undefined); // its end follows
  socket.once('close', () => gone.abort(new RhumbError('unavailable', 'the client has gone')));
  socket.once('end', () => {
    isReadable = false;
    endWhenDone();
  });
  /** What is left by then is the beginning of a question. */
  const endWhenDone = (): void => {
    if (!isReadable && underWay === 0 && !socket.writableNeedDrain) socket.end();
  };

  const send = (answer: Uint8Array | undefined): void => {
    underWay--;
    if (answer !== undefined && socket.writable) {
      const framed = new Uint8Array(2 + answer.length);
      put16(framed, 0, answer.length);
      framed.set(answer, 2);
      socket.write(framed);
    }
    take();
    endWhenDone();
  };
  const ask = async (message: Uint8Array): Promise<void> => {
    send(await resolver.answer(message, { transport: 'tcp', signal }));
  };
  const take = (): void => {
    // Nor are answers made for one who does not read them.
    while (pending.length >= 2 && underWay < MAX_UNDER_WAY && !socket.writableNeedDrain) {
      const length = get16(pending, 0);
      if (length > MAX_REQUEST_BYTES) {
        socket.destroy();
        return;
      }
      if (pending.length < 2 + length) break;
      const message = pending.subarray(2, 2 + length);
      pending = pending.subarray(2 + length);
      underWay++;
      // It rejects only when there is nobody left to answer.
      ask(message).catch(() => socket.destroy());
    }
    const isFull = underWay >= MAX_UNDER_WAY || socket.writableNeedDrain;
    if (isFull) socket.pause();
    else socket.resume();
  };
  socket.on('drain', () => {
    take();
    endWhenDone();
  });
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    take();
  });
}
