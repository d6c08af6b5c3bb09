/** `rhumb debug metrics`: all counters of the daemon, or what changes in them. */
import type { Context } from '../commands/context.ts';
import type { Action } from '../commands/spec.ts';

const PAUSE_MS = 1_000;

/** `rhumb debug metrics`. */
export const debugMetrics: Action = async (context, { flags }) => {
  if (!flags.bool('watch')) {
    context.out(await fetchCounters(context));
    return 0;
  }
  let last = readCounters(await fetchCounters(context));
  while (true) {
    await context.clock.sleep(PAUSE_MS, context.signal);
    const now = readCounters(await fetchCounters(context));
    const lines = changes(last, now);
    if (lines.length > 0) context.out(`${lines.map((line) => `${line}\n`).join('')}\n`);
    last = now;
  }
};

const fetchCounters = ({ api, signal }: Context): Promise<string> => api.text('GET', 'metrics', 200, signal);

type Counters = ReadonlyMap<string, number>;

function readCounters(text: string): Counters {
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^([^#\s]\S*) (-?[\d.eE+]+)$/.exec(line.trim());
    if (match?.[1] !== undefined) found.set(match[1], Number(match[2]));
  }
  return found;
}

/** Counters that appear only now have changed from nothing known: they are left out. */
export function changes(last: Counters, now: Counters): readonly string[] {
  const changed = [...now].flatMap(([name, value]) => {
    const before = last.get(name);
    return before === undefined || before === value ? [] : [{ name, value, by: value - before }];
  });
  const widest = Math.max(0, ...changed.map(({ name }) => name.length));
  return changed.map(
    ({ name, value, by }) => `${name.padEnd(widest)} ${`${by > 0 ? '+' : ''}${by}`.padStart(5)} => ${value}`,
  );
}
