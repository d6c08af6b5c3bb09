/** Traffic that goes on while something happens, and how long its longest silence was. */
import type { Host } from './host.ts';
import { until } from './wait.ts';

export interface Traffic extends AsyncDisposable {
  /** Replies so far. */
  replies(): number;
  /** Waits for `count` more replies. */
  more(count: number, timeoutMs?: number): Promise<void>;
  /** The longest time between two replies, ms. */
  longestGapMs(): number;
  /** Whether a reply came twice. */
  sawDuplicate(): boolean;
}

const EVERY_MS = 50;

/** Echo requests from `host` to `address`, 20 a second, until disposed. */
export function traffic(host: Host, address: string): Traffic {
  const argv = ['ping', '-n', '-D', '-i', `${EVERY_MS / 1_000}`, address];
  const child = host.spawn({ name: `ping ${address}`, argv });
  const times = (): number[] =>
    Array.from(
      child.output.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from/gm),
      (match) => Number(match[1]) * 1_000,
    );
  const replies = (): number => times().length;
  return {
    replies,
    more: async (count, timeoutMs = 15_000) => {
      const wanted = replies() + count;
      await until(`${count} more replies from ${address}`, () => replies() >= wanted, { timeoutMs });
    },
    longestGapMs: () => {
      const seen = times();
      return seen.reduce((longest, at, n) => Math.max(longest, at - (seen[n - 1] ?? at)), 0);
    },
    sawDuplicate: () => child.output.includes('DUP!'),
    [Symbol.asyncDispose]: async () => {
      await child.stop();
    },
  };
}
