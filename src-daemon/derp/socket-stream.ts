/** A relay stream on a Node socket. */
import type { Socket } from 'node:net';
import { netErrorText } from '#shared/node/net-error.ts';
import type { RelayStream } from './types.ts';

/** `local` is the end of the TCP connection: a TLS socket does not always tell it. */
export function socketStream(
  socket: Socket,
  localIp: string | undefined,
  serverKey?: Uint8Array,
): RelayStream {
  let why = 'the relay closed the connection';
  let isClosed = false;
  return {
    serverKey,
    localIp,
    get bufferedBytes() {
      return socket.writableLength;
    },
    write: (chunks) => {
      const [only] = chunks;
      if (isClosed || only === undefined) return;
      if (chunks.length === 1) {
        socket.write(only);
        return;
      }
      socket.cork();
      for (const chunk of chunks) socket.write(chunk);
      socket.uncork();
    },
    start: (sink) => {
      socket.on('data', (chunk: Uint8Array) => {
        if (!isClosed) sink.data(chunk);
      });
      socket.on('drain', () => {
        if (!isClosed) sink.drained();
      });
      socket.on('error', (error) => {
        why = netErrorText(error);
      });
      socket.on('end', () => socket.destroy());
      socket.on('close', () => {
        if (isClosed) return;
        isClosed = true;
        sink.closed(why);
      });
      if (socket.destroyed)
        queueMicrotask(() => {
          if (isClosed) return;
          isClosed = true;
          sink.closed(why);
        });
    },
    close: () => {
      isClosed = true;
      socket.destroy();
    },
  };
}
