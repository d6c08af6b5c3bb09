/** A relay stream on a Node socket. */
import type { Socket } from 'node:net';
import { netErrorText } from '#shared/node/net-error.ts';
import type { RelayStream } from './types.ts';

export interface SocketStreamOptions {
  readonly socket: Socket;
  /** Our end of the TCP connection: a TLS socket does not always tell it. */
  readonly localIp: string | undefined;
  readonly serverKey: Uint8Array | undefined;
  readonly admitted: () => void;
}

export function socketStream({ socket, localIp, serverKey, admitted }: SocketStreamOptions): RelayStream {
  let why = 'the relay closed the connection';
  let isClosed = false;
  let drained = (): void => undefined;
  // Not the stream's own `drain`, which comes only after its high-water mark; an error of a write is one of the socket too.
  const written = (): void => {
    if (!isClosed) drained();
  };
  socket.on('error', (error) => {
    why = netErrorText(error);
  });
  return {
    serverKey,
    localIp,
    get bufferedBytes() {
      return socket.writableLength;
    },
    admitted,
    write: (chunks) => {
      if (isClosed || socket.destroyed) return;
      const last = chunks.length - 1;
      socket.cork();
      for (const [i, chunk] of chunks.entries()) socket.write(chunk, i === last ? written : undefined);
      socket.uncork();
    },
    start: (sink) => {
      const close = (): void => {
        if (isClosed) return;
        isClosed = true;
        sink.closed(why);
      };
      drained = () => sink.drained();
      socket.on('data', (chunk: Uint8Array) => {
        if (!isClosed) sink.data(chunk);
      });
      // Half a connection is of no use here.
      socket.on('end', () => socket.destroy());
      socket.on('close', close);
      if (socket.closed) queueMicrotask(close);
    },
    close: () => {
      isClosed = true;
      socket.destroy();
    },
  };
}
