/** A clock that stands until it is moved; what was to happen by then happens in its order. */
export interface FakeClock {
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly pass: (ms: number) => void;
  /** How many timers are set. */
  readonly waiting: () => number;
}

export function fakeClock(startMs = 1_000_000): FakeClock {
  let nowMs = startMs;
  let waiting: { readonly atMs: number; readonly run: () => void }[] = [];
  return {
    now: () => nowMs,
    waiting: () => waiting.length,
    after: (ms, run) => {
      const one = { atMs: nowMs + ms, run };
      waiting.push(one);
      return () => {
        waiting = waiting.filter((other) => other !== one);
      };
    },
    pass: (ms) => {
      const untilMs = nowMs + ms;
      for (;;) {
        const [next] = waiting.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
        if (next === undefined) break;
        waiting = waiting.filter((other) => other !== next);
        nowMs = Math.max(nowMs, next.atMs);
        next.run();
      }
      nowMs = untilMs;
    },
  };
}
