/** A Node stream over a socket that carries the control channel's records; what HTTP/2 runs on. */
import { Duplex } from 'node:stream';
import { concat } from '../bytes/bytes.ts';
import type { RecordOpener, RecordSealer } from '../crypto/noise-records.ts';
import { RhumbError } from '../errors.ts';
import { EarlyPeek } from '../noise/early-payload.ts';

export interface NoiseDuplexOptions {
  /** The connection behind the upgrade; from here on it belongs to the duplex. */
  readonly socket: Duplex;
  readonly sealer: RecordSealer;
  readonly opener: RecordOpener;
  /** Bytes that were read behind the upgrade already. */
  readonly head: Uint8Array;
  /** Whether the peer may begin with an early payload: true on the client's side. */
  readonly expectEarly: boolean;
}

/** A peer that keeps its side open after we have ended ours has this long; HTTP/2 would wait for it for ever. */
const LINGER_MS = 5_000;

const damaged = (): RhumbError =>
  new RhumbError('protocol', 'the control connection was damaged on the way: a record did not decrypt');

/** Errors and the end of the socket become those of the duplex; destroying the duplex destroys the socket. */
export function noiseDuplex(options: NoiseDuplexOptions): Duplex {
  const { socket, sealer, opener } = options;
  let peek = options.expectEarly ? new EarlyPeek() : undefined;

  const write = (plaintext: Uint8Array, done: (error?: Error | null) => void): void => {
    const frames = sealer.seal(plaintext);
    if (frames === undefined) done(new RhumbError('protocol', 'the control connection used up its counter'));
    else socket.write(frames, done);
  };

  const duplex = new Duplex({
    // Half-open HTTP/2 has no use here, and a peer that ended its side is gone.
    allowHalfOpen: false,
    read: () => {
      socket.resume();
    },
    write: (chunk: Buffer, _encoding, done) => write(chunk, done),
    // HTTP/2 writes a frame's head and body apart; one record for both halves the tags and the system calls.
    writev: (chunks, done) => write(concat(...chunks.map(({ chunk }) => chunk as Buffer)), done),
    final: (done) => {
      socket.end(() => done());
      const timer = setTimeout(() => socket.destroy(), LINGER_MS);
      socket.once('close', () => clearTimeout(timer));
    },
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });

  const deliver = (plaintext: Uint8Array): void => {
    if (peek === undefined) {
      if (!duplex.push(plaintext)) socket.pause();
      return;
    }
    const state = peek.feed(plaintext);
    if (state.kind === 'more') return;
    peek = undefined;
    if (state.kind === 'malformed')
      duplex.destroy(new RhumbError('protocol', 'the control server sent a malformed early payload'));
    else if (state.rest.length > 0) deliver(state.rest);
  };

  const receive = (chunk: Uint8Array): void => {
    if (duplex.destroyed) return;
    if (!opener.feed(chunk, deliver)) duplex.destroy(damaged());
  };

  socket.on('error', (error) => duplex.destroy(error));
  socket.on('end', () => {
    if (!duplex.destroyed) duplex.push(null);
  });
  socket.on('close', () => duplex.destroy());
  if (options.head.length > 0) receive(options.head);
  socket.on('data', receive);
  return duplex;
}
