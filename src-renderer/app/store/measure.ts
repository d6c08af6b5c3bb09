/** Latencies measured on request: a few pings at a time, kept for ten minutes. */
import { create } from 'zustand';
import { ask } from './act.ts';
import { useApp } from './store.ts';

const FRESH_MS = 600_000;
const AT_ONCE = 4;
/** What did not answer by then is left as it is. */
const ANSWER_MS = 6_000;

interface Sample {
  readonly ms: number;
  readonly atMs: number;
}

interface State {
  readonly samples: Readonly<Record<string, Sample>>;
  readonly isRunning: boolean;
}

export const useMeasured = create<State>(() => ({ samples: {}, isRunning: false }));

export function freshOf(
  samples: Readonly<Record<string, Sample>>,
  nowMs: number,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(samples)
      .filter(([, { atMs }]) => nowMs - atMs < FRESH_MS)
      .map(([id, { ms }]) => [id, ms]),
  );
}

export async function measure(ids: readonly string[]): Promise<void> {
  if (useMeasured.getState().isRunning) return;
  useMeasured.setState({ isRunning: true });
  const waiting = [...ids];
  const worker = async (): Promise<void> => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) await once(id);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  useMeasured.setState({ isRunning: false });
}

/** A device that does not answer keeps its place without a number. */
async function once(id: string): Promise<void> {
  const { bridge } = useApp.getState();
  if (bridge === undefined) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  let operation: string | undefined;
  /** The answer may come before we know which one it is. */
  const early = new Map<string, number | undefined>();
  const take = (ms: number | undefined): void => {
    if (ms !== undefined)
      useMeasured.setState(({ samples }) => ({ samples: { ...samples, [id]: { ms, atMs: Date.now() } } }));
    resolve();
  };
  const stop = bridge.on('ping', (sample) => {
    if (operation === undefined) early.set(sample.operation, sample.latencyMs);
    else if (sample.operation === operation) take(sample.latencyMs);
  });
  const timer = setTimeout(resolve, ANSWER_MS);
  try {
    ({ operation } = await ask('device.ping', { id, kind: 'disco', count: 1 }));
    if (early.has(operation)) take(early.get(operation));
    await promise;
  } catch {
    // Gone, or too many at once: it has no number then.
  } finally {
    clearTimeout(timer);
    stop();
  }
}
