/** One map stream from request to end: frames in, messages out, under a watchdog (control-protocol.md §5.1, §5.2). */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { MapResponse } from '#shared/wire/map.ts';
import type { Channel } from './channel.ts';
import { MapFrameReader, MapMessageDecoder } from './map-frames.ts';
import { openMap } from './requests.ts';

/** Servers send a keepalive every minute or so; the wait for the first message counts too. */
const WATCHDOG_MS = 120_000;

export interface MapStreamOptions {
  readonly channel: Channel;
  readonly clock: Clock;
  /** JSON of the request. */
  readonly body: string;
  /** Awaited before the next message is read. */
  readonly onMessage: (message: MapResponse, signal: AbortSignal) => Promise<void>;
}

/** Never resolves: rejects with the signal's reason when aborted, else with why the stream is over. */
export async function runMapStream(options: MapStreamOptions, signal: AbortSignal): Promise<never> {
  const guard = new AbortController();
  const both = AbortSignal.any([signal, guard.signal]);
  const watchdog = new Watchdog(options.clock, () =>
    guard.abort(new RhumbError('timeout', `the control server was silent for ${WATCHDOG_MS / 1_000} s`)),
  );
  try {
    await readMessages(options, both, watchdog);
    both.throwIfAborted();
    throw new RhumbError('unavailable', 'the control server ended the map stream');
  } catch (error) {
    both.throwIfAborted();
    throw error;
  } finally {
    watchdog.stop();
    // Ends the request, whichever way this one ended.
    guard.abort();
  }
}

async function readMessages(
  options: MapStreamOptions,
  signal: AbortSignal,
  watchdog: Watchdog,
): Promise<void> {
  watchdog.start();
  const stream = await openMap(options.channel, options.body, signal);
  const frames = new MapFrameReader();
  const decoder = new MapMessageDecoder();
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      for (const payload of frames.feed(chunk)) {
        // Our own work is not the server's silence.
        watchdog.stop();
        await options.onMessage(decoder.decode(payload), signal);
        signal.throwIfAborted();
        watchdog.start();
      }
    }
  } catch (error) {
    if (error instanceof RhumbError) throw error;
    signal.throwIfAborted();
    throw new RhumbError('unavailable', 'the connection to the control server was lost', { cause: error });
  }
}

class Watchdog {
  readonly #clock: Clock;
  readonly #bark: () => void;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, bark: () => void) {
    this.#clock = clock;
    this.#bark = bark;
  }

  start(): void {
    this.stop();
    this.#cancel = this.#clock.after(WATCHDOG_MS, this.#bark);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
