/** Runs one command line in a test: no terminal, no real time, everything it prints kept. */
import { Readable, Writable } from 'node:stream';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { sanitize } from '../print/sanitize.ts';
import { run, type World } from '../program.ts';

/** Sleeping takes no time; deadlines pass only when told to. */
export interface TestClock extends Clock {
  /** Lets every deadline pass that is set now. */
  expire(): void;
}

export function testClock(nowMs = Date.UTC(2026, 0, 2, 3, 4, 5)): TestClock {
  const pending = new Set<() => void>();
  let elapsed = 0;
  return {
    now: () => nowMs,
    monotonic: () => elapsed,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      elapsed += ms;
    },
    after: (_ms, fn) => {
      pending.add(fn);
      return () => pending.delete(fn);
    },
    expire: () => {
      for (const fn of [...pending]) fn();
    },
  };
}

export interface Outcome {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

export async function runCli(argv: readonly string[], world: Partial<World> = {}): Promise<Outcome> {
  let out = '';
  let err = '';
  const exit = await run(argv, {
    clock: testClock(),
    out: (text) => {
      out += sanitize(text);
    },
    err: (text) => {
      err += sanitize(text);
    },
    env: { USER: 'alice' },
    platform: 'linux',
    lookup: async () => [],
    readFile: async (path) => {
      throw Object.assign(new Error(path), { code: 'ENOENT' });
    },
    writeFile: async () => undefined,
    stdin: Readable.from([]),
    stdout: new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        out += chunk.toString('utf8');
        done();
      },
    }),
    openUrl: async () => false,
    localIps: () => [],
    confirm: async () => false,
    openProbes: () => Promise.reject(new RhumbError('unavailable', 'no network in this test')),
    signal: new AbortController().signal,
    isRoot: true,
    ...world,
  });
  return { exit, out, err };
}
