/** Dials another relay of the region: TLS, the HTTP upgrade, and what came with its answer (nat-traversal.md §1.13). */
import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import { RhumbError } from '#shared/errors.ts';
import { netErrorText } from '#shared/node/net-error.ts';
import type { RelayConn } from '../core/conn.ts';
import { socketConn } from '../core/socket-conn.ts';

export interface MeshAddress {
  /** Its name, for TLS and HTTP. */
  readonly host: string;
  readonly port: number;
  /** Where it is dialled, such as an address inside the data centre. */
  readonly dialHost: string;
}

const DIAL_MS = 10_000;
const MAX_HEAD = 16 * 1_024;
const HEAD_END = '\r\n\r\n';

/** Rejects with a RhumbError that names the relay; certificates are checked strictly. */
export async function dialMesh(address: MeshAddress, signal: AbortSignal): Promise<RelayConn> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(DIAL_MS)]);
  const where = `${address.host}:${address.port}`;
  try {
    const socket = await dialTls(address, deadline);
    try {
      return socketConn(socket, await upgrade(socket, address, deadline));
    } catch (error) {
      socket.destroy();
      throw error;
    }
  } catch (cause) {
    const why = cause instanceof RhumbError ? cause.message : netErrorText(cause);
    throw new RhumbError('unavailable', `dial relay ${where}: ${why}`, { cause });
  }
}

function dialTls(address: MeshAddress, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ host: address.dialHost, port: address.port, servername: address.host });
    const stop = (): void => void socket.destroy(toError(signal.reason));
    signal.addEventListener('abort', stop, { once: true });
    socket.once('error', (error) => {
      signal.removeEventListener('abort', stop);
      reject(error);
    });
    socket.once('secureConnect', () => {
      signal.removeEventListener('abort', stop);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

/** Resolves with the bytes behind the answer: mostly the server's key. */
export function upgrade(
  socket: Socket,
  address: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0);
    const done = (fn: () => void): void => {
      socket.off('data', onData).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      fn();
    };
    const onAbort = (): void => done(() => reject(signal.reason));
    const onClose = (): void => done(() => reject(new RhumbError('unavailable', 'it closed the connection')));
    const onData = (chunk: Buffer): void => {
      held = Buffer.concat([held, chunk]);
      const end = held.indexOf(HEAD_END);
      if (end < 0) {
        if (held.length > MAX_HEAD)
          done(() => reject(new RhumbError('protocol', 'its answer has too large a head')));
        return;
      }
      const status = held.subarray(0, held.indexOf('\r\n')).toString('latin1');
      // Whoever waits for this begins to listen before the event loop goes on: nothing is lost in between.
      done(() => {
        if (/^HTTP\/1\.1 101 /.test(status)) resolve(held.subarray(end + HEAD_END.length));
        else reject(new RhumbError('protocol', `it answered "${status.slice(0, 100)}"`));
      });
    };
    socket.on('data', onData).on('close', onClose);
    // The connection has its own listener later; until then an error is followed by 'close'.
    socket.on('error', () => undefined);
    signal.addEventListener('abort', onAbort, { once: true });
    const host = address.port === 443 ? address.host : `${address.host}:${address.port}`;
    socket.write(`GET /derp HTTP/1.1\r\nHost: ${host}\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n`);
  });
}

const toError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
