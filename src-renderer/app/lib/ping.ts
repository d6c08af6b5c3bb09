/** Asks devices for an answer, one or many, and remembers the last answer of each while the app runs. */

import { create } from 'zustand';
import type { Bridge, ValueOf } from '#shared/bridge/contract.ts';

export type PingSample = ValueOf<'ping'>;
export type PingKind = 'disco' | 'icmp' | 'tsmp' | 'peerapi';

export interface Measured {
  readonly latencyMs: number | undefined;
  readonly via: string;
  /** Wall clock. */
  readonly atMs: number;
}

export const useMeasured = create<Readonly<Record<string, Measured>>>(() => ({}));

const LONGEST_QUEUE = 128;

/** Samples until the last one or until the signal says stop; rejects when it can't be begun. */
export async function ping(
  bridge: Bridge,
  request: { readonly id: string; readonly kind: PingKind; readonly count: number },
  onSample: (sample: PingSample) => void,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // A sample may be faster than the answer that names its operation.
  const early: PingSample[] = [];
  let operation: string | undefined;
  const take = (sample: PingSample): void => {
    if (signal.aborted || sample.operation !== operation) return;
    if (sample.latencyMs !== undefined) remember(request.id, sample);
    onSample(sample);
    if (sample.isLast) resolve();
  };
  const off = bridge.on('ping', (sample) => {
    if (operation !== undefined) take(sample);
    else if (early.length < LONGEST_QUEUE) early.push(sample);
  });
  const stop = (): void => resolve();
  signal.addEventListener('abort', stop);
  try {
    operation = (await bridge.call('device.ping', request)).operation;
    for (const sample of early) take(sample);
    if (signal.aborted) resolve();
    await promise;
  } finally {
    off();
    signal.removeEventListener('abort', stop);
    // Nobody waits for the answer: the host forgets it by itself when it ends.
    if (operation !== undefined && signal.aborted)
      void bridge.call('operation.cancel', { operation }).catch(() => undefined);
  }
}

function remember(id: string, { latencyMs, via }: PingSample): void {
  useMeasured.setState({ [id]: { latencyMs, via, atMs: Date.now() } });
}

const AT_ONCE = 4;

/** Four at a time, each once; `onDone` counts those that are through. Never rejects: one without an answer is no failure. */
export async function pingAll(
  bridge: Bridge,
  ids: readonly string[],
  onDone: (count: number) => void,
  signal: AbortSignal,
): Promise<void> {
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    while (next < ids.length && !signal.aborted) {
      const id = ids[next];
      next += 1;
      if (id === undefined) return;
      await ping(bridge, { id, kind: 'disco', count: 1 }, () => undefined, signal).catch(() => undefined);
      done += 1;
      onDone(done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
