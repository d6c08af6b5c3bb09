/** The race between plain HTTP and TLS, under a clock moved by hand. */
import { expect, test } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { type DialRace, raceDial, type Via } from './dial-race.ts';

interface Try {
  readonly via: Via;
  readonly port: number;
  readonly at: number;
  readonly signal: AbortSignal;
  closed: boolean;
  win(): void;
  close(): void;
  fail(text: string): void;
}

function setUp(options: Partial<DialRace<Try>> = {}): {
  tries: Try[];
  clock: FakeClock;
  result: Promise<Try>;
  stop: AbortController;
} {
  const clock = new FakeClock();
  const begin = clock.monotonic();
  const tries: Try[] = [];
  const stop = new AbortController();
  const attempt = (via: Via, port: number, signal: AbortSignal): Promise<Try> =>
    new Promise((resolve, reject) => {
      const one: Try = {
        via,
        port,
        signal,
        at: clock.monotonic() - begin,
        closed: false,
        win: () => resolve(one),
        fail: (text) => reject(new Error(text)),
        close: () => {
          one.closed = true;
        },
      };
      tries.push(one);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  const race: DialRace<Try> = {
    ports: { plain: 80, tls: 443 },
    asked: 'https',
    preferTls: false,
    clock,
    attempt,
    ...options,
  };
  const result = raceDial(race, stop.signal);
  // Every test looks at it in its own time.
  result.catch(() => undefined);
  return { tries, clock, result, stop };
}
const ways = (tries: readonly Try[]): string[] => tries.map(({ via, port, at }) => `${via}:${port} at ${at}`);

test('plain HTTP wins within its head start, and TLS is never tried', async () => {
  const { tries, clock, result } = setUp();
  await clock.advance(400);
  tries[0]?.win();
  expect(await result).toBe(tries[0]);
  await clock.advance(1_000);
  expect(ways(tries)).toEqual(['http:80 at 0']);
  expect(clock.pending).toBe(0);
});

test('TLS begins after the head start, and the slower one is cancelled', async () => {
  const { tries, clock, result } = setUp();
  await clock.advance(600);
  expect(ways(tries)).toEqual(['http:80 at 0', 'https:443 at 500']);
  tries[1]?.win();
  expect(await result).toBe(tries[1]);
  expect(tries[0]?.signal.aborted).toBe(true);
});

test('a failure of plain HTTP starts TLS at once', async () => {
  const { tries, clock, result } = setUp();
  await clock.advance(10);
  tries[0]?.fail('refused');
  await clock.advance(0);
  expect(ways(tries)).toEqual(['http:80 at 0', 'https:443 at 10']);
  tries[1]?.win();
  expect(await result).toBe(tries[1]);
  expect(clock.pending).toBe(0);
});

test('both may win in the same turn: the one that is not used is closed', async () => {
  const { tries, clock, result } = setUp();
  await clock.advance(600);
  tries[0]?.win();
  tries[1]?.win();
  const winner = await result;
  await clock.advance(0);
  expect(tries.map((one) => one.closed)).toEqual(tries.map((one) => one !== winner));
});

test.each([
  { asked: 'https', preferTls: false, want: 'no TLS' },
  { asked: 'http', preferTls: false, want: 'no HTTP' },
  { asked: 'https', preferTls: true, want: 'no TLS' },
  { asked: 'http', preferTls: true, want: 'no HTTP' },
] as const)(
  'when both fail, $asked (TLS first: $preferTls) is what the user hears of',
  async ({ asked, preferTls, want }) => {
    const { tries, clock, result } = setUp({ asked, preferTls });
    for (let i = 0; i < 2; i++) {
      tries[i]?.fail(tries[i]?.via === 'https' ? 'no TLS' : 'no HTTP');
      await clock.advance(0);
    }
    await expect(result).rejects.toThrow(want);
  },
);

test('TLS alone when it is preferred, and plain HTTP behind it', async () => {
  const { tries, clock, result } = setUp({ preferTls: true });
  await clock.advance(5_000);
  expect(ways(tries)).toEqual(['https:443 at 0']);
  tries[0]?.fail('refused');
  await clock.advance(0);
  tries[1]?.win();
  expect(await result).toBe(tries[1]);
});

test('without a TLS port there is one attempt, whose failure is the end', async () => {
  const { tries, clock, result } = setUp({ ports: { plain: 8080, tls: undefined } });
  tries[0]?.fail('refused');
  await expect(result).rejects.toThrow('refused');
  expect(ways(tries)).toEqual(['http:8080 at 0']);
  expect(clock.pending).toBe(0);
});

test('cancelling ends both and leaves no timer', async () => {
  const { clock, result, stop, tries } = setUp();
  await clock.advance(100);
  stop.abort(new Error('enough'));
  await expect(result).rejects.toThrow('enough');
  await clock.advance(1_000);
  expect(tries).toHaveLength(1);
  expect(clock.pending).toBe(0);
});
