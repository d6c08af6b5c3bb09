/** Traffic that goes on while something happens, and how long its longest silence was. */
import type { Host } from './host.ts';
import { until } from './wait.ts';

export interface Traffic extends AsyncDisposable {
  /** Replies so far. */
  replies(): number;
  /** Waits for `count` more replies. */
  more(count: number, timeoutMs?: number): Promise<void>;
  /** The longest time between two replies, ms; of those after a moment if one is given (ms since 1970). */
  longestGapMs(sinceMs?: number): number;
  /** When the first request left (ms since 1970) and how long its reply took; undefined while there is none. */
  first(): { readonly sentAtMs: number; readonly tookMs: number } | undefined;
  /** The first reply to a request that was sent after that moment (ms since 1970), as the time it came in. */
  firstAfter(sentAtMs: number): number | undefined;
  /** When the newest reply came (ms since 1970); undefined while there is none. */
  lastAtMs(): number | undefined;
  /** Requests before the last that was answered which never were. */
  lost(): number;
  /** Whether a reply came twice. */
  sawDuplicate(): boolean;
}

const EVERY_MS = 50;

interface Reply {
  readonly atMs: number;
  readonly number: number;
  readonly tookMs: number;
}

/** Echo requests from `host` to `address`, 20 a second, until disposed. */
export function traffic(host: Host, address: string): Traffic {
  const argv = ['ping', '-n', '-D', '-i', `${EVERY_MS / 1_000}`, address];
  const child = host.spawn({ name: `ping ${address}`, argv });
  const all = (): Reply[] =>
    Array.from(
      child.output.matchAll(/^\[(\d+\.\d+)\] \d+ bytes from .*icmp_seq=(\d+) .*time=([\d.]+) ms/gm),
      ([, at, number, took]) => ({ atMs: Number(at) * 1_000, number: Number(number), tookMs: Number(took) }),
    );
  return {
    replies: () => all().length,
    more: async (count, timeoutMs = 15_000) => {
      const wanted = all().length + count;
      await until(`${count} more replies from ${address}`, () => all().length >= wanted, { timeoutMs });
    },
    longestGapMs: (sinceMs = 0) => {
      const seen = all().map(({ atMs }) => atMs);
      return seen.reduce(
        (longest, at, n) => (at < sinceMs ? longest : Math.max(longest, at - (seen[n - 1] ?? at))),
        0,
      );
    },
    first: () => {
      const reply = all().find(({ number }) => number === 1);
      return reply && { sentAtMs: reply.atMs - reply.tookMs, tookMs: reply.tookMs };
    },
    firstAfter: (sentAtMs) => all().find(({ atMs, tookMs }) => atMs - tookMs > sentAtMs)?.atMs,
    lastAtMs: () => all().at(-1)?.atMs,
    lost: () => {
      const numbers = new Set(all().map(({ number }) => number));
      return numbers.size === 0 ? 0 : Math.max(...numbers) - numbers.size;
    },
    sawDuplicate: () => child.output.includes('DUP!'),
    [Symbol.asyncDispose]: async () => {
      await child.stop();
    },
  };
}
