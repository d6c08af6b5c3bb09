/** One question to one plain server: over UDP from a port and with an id of its own, over TCP when that is needed (§7.5). */
import type { Socket } from 'node:net';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { SockAddr } from '#shared/ip/address.ts';
import type { Question } from './question.ts';
import { answers, type Response, readResponse } from './response.ts';
import type { Transport, UpstreamSockets } from './types.ts';
import { get16, MAX_MESSAGE_BYTES, put16, USUAL_UDP_BYTES } from './wire.ts';

export interface ExchangeDeps {
  readonly clock: Clock;
  readonly sockets: UpstreamSockets;
  readonly randomId: () => number;
  /** Whether the way to an address must stay out of the tunnel. */
  readonly marks: (ip: string) => boolean;
}

/** What is asked, as it was checked: `query` is the message, with whatever id. */
export interface Asked {
  readonly query: Uint8Array;
  readonly question: Question;
  readonly transport: Transport;
}

/** After which an answer over UDP is no longer only waited for. */
const TCP_BESIDE_MS = 2_000;
const TCP_MS = 5_000;

/**
 * Over UDP, and over TCP when that fails, or says nothing for a while. Whoever comes by TCP has mostly been told that UDP is
 * too small: for those both begin at once. What is still under way when it is over ends with `signal`.
 */
export function askPlainly(
  server: SockAddr,
  asked: Asked,
  deps: ExchangeDeps,
  signal: AbortSignal,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const isByTcp = asked.transport === 'tcp';
    let isOver = false;
    let underWay = 1;
    let cancel: (() => void) | undefined;
    const done = (response: Response): void => {
      isOver = true;
      cancel?.();
      resolve(response);
    };
    const failed = (error: unknown): void => {
      underWay--;
      if (isOver || signal.aborted) over(error);
      else if (cancel !== undefined) beside();
      else if (underWay === 0) over(error);
    };
    const over = (error: unknown): void => {
      isOver = true;
      cancel?.();
      reject(error);
    };
    const beside = (): void => {
      cancel?.();
      cancel = undefined;
      if (isOver) return;
      underWay++;
      askTcp(server, asked, deps, signal).then(done, failed);
    };
    const udp = askUdp(server, asked, deps, signal);
    if (isByTcp) {
      udp.then(untruncated).then(done, failed);
      beside();
    } else {
      cancel = deps.clock.after(TCP_BESIDE_MS, beside);
      udp.then((response) => whole(response, server, asked, deps, signal)).then(done, failed);
    }
  });
}

/** A cut answer, when the client could take more than servers put into a datagram. */
function whole(
  response: Response,
  server: SockAddr,
  asked: Asked,
  deps: ExchangeDeps,
  signal: AbortSignal,
): Response | Promise<Response> {
  if (!response.isTruncated || (asked.question.edns?.size ?? 0) <= USUAL_UDP_BYTES) return response;
  return askTcp(server, asked, deps, signal).catch(() => response);
}

function untruncated(response: Response): Response {
  if (response.isTruncated) throw new RhumbError('unavailable', 'the answer is too long for UDP');
  return response;
}

/** With an id that nobody can guess: what comes from elsewhere is ignored, not taken for a failure. */
export async function askUdp(
  server: SockAddr,
  { query, question }: Asked,
  deps: ExchangeDeps,
  signal: AbortSignal,
): Promise<Response> {
  signal.throwIfAborted();
  const message = withId(query, deps.randomId());
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  promise.catch(() => undefined); // it may end while the socket is still being opened
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    using socket = await deps.sockets.openUdp(server, {
      mark: deps.marks(server.ip),
      receive: (datagram) => {
        const response = answers(datagram, message, question) ? readResponse(datagram, question) : undefined;
        if (response !== undefined) resolve(response);
      },
      failed: reject,
    });
    socket.send(message);
    return await promise;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

export async function askTcp(
  server: SockAddr,
  { query, question }: Asked,
  deps: ExchangeDeps,
  signal: AbortSignal,
): Promise<Response> {
  const late = new AbortController();
  const cancel = deps.clock.after(TCP_MS, () =>
    late.abort(new RhumbError('timeout', `no answer from ${server.ip} over TCP`)),
  );
  const both = AbortSignal.any([signal, late.signal]);
  const message = withId(query, deps.randomId());
  try {
    const socket = await deps.sockets.connectTcp(server, { mark: deps.marks(server.ip), signal: both });
    const answer = await firstMessage(socket, message, both);
    const response = answers(answer, message, question) ? readResponse(answer, question) : undefined;
    if (response === undefined)
      throw new RhumbError('protocol', `${server.ip} answered another question over TCP`);
    return response;
  } finally {
    cancel();
  }
}

/** Sends one message and reads one; the connection ends with that. */
function firstMessage(socket: Socket, message: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise<Uint8Array>((resolve, reject) => {
    let got = Buffer.alloc(0);
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const end = (): void => {
      signal.removeEventListener('abort', abort);
      reject(new RhumbError('unavailable', 'the connection ended before the answer'));
    };
    if (signal.aborted) abort();
    socket.on('error', reject);
    socket.on('close', end);
    socket.on('end', end);
    socket.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      const length = got.length < 2 ? MAX_MESSAGE_BYTES : get16(got, 0);
      if (got.length >= 2 + length) resolve(got.subarray(2, 2 + length));
    });
    const framed = new Uint8Array(2 + message.length);
    put16(framed, 0, message.length);
    framed.set(message, 2);
    socket.write(framed);
  }).finally(() => socket.destroy());
}

function withId(query: Uint8Array, id: number): Uint8Array {
  const message = Uint8Array.prototype.slice.call(query);
  put16(message, 0, id);
  return message;
}
