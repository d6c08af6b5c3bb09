/** The log writer of our programs: pino behind the small Log interface, one JSON line per event on stderr. */
import { type DestinationStream, pino } from 'pino';
import { LineLimit } from '../log/limit.ts';
import type { Fields, Level, Log } from '../log/log.ts';
import { redact } from '../log/redact.ts';

export interface LogOptions {
  readonly level: Level;
  /** Name of the program, in every line. */
  readonly program: string;
  /** stderr by default. */
  readonly destination?: DestinationStream | undefined;
  /** Keeps one event from flooding the log; without it every line is written. */
  readonly limit?: { readonly nowMs: () => number } | undefined;
}

export interface AdjustableLog extends Log {
  /** From now on, also for every child. */
  readonly setLevel: (level: Level) => void;
  /** Another level for lines of one part, by their `mod`; undefined = that of all the others again. */
  readonly setPartLevel: (part: string, level: Level | undefined) => void;
  /** Every line that is written from now on, until the returned function is called. The listener must not throw. */
  readonly tap: (listener: (line: string) => void) => () => void;
}

const ORDER: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export function openLog(options: LogOptions): AdjustableLog {
  const destination = options.destination ?? pino.destination({ fd: 2, sync: true });
  const taps = new Set<(line: string) => void>();
  const parts = new Map<string, Level>();
  const { limit } = options;
  const lines = new LineLimit();
  let level = options.level;
  const writer = pino(
    {
      // Who is to be heard is decided below, for each part.
      level: 'debug',
      base: { prog: options.program },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'event',
    },
    {
      write: (line: string): void => {
        destination.write(line);
        for (const tap of taps) tap(line);
      },
    },
  );
  const make = (base: Fields): Log => {
    const part = typeof base['mod'] === 'string' ? base['mod'] : '';
    return Object.assign(
      (of: Level, event: string, fields?: Fields): void => {
        if (ORDER[of] < ORDER[parts.get(part) ?? level]) return;
        const left =
          of === 'error' || limit === undefined ? 0 : lines.admit(`${part} ${event}`, limit.nowMs());
        if (left === undefined) return;
        const suppressed = left > 0 ? { suppressed: left } : {};
        writer[of](redact({ ...base, ...fields, ...suppressed }) as object, event);
      },
      { child: (fields: Fields): Log => make({ ...base, ...fields }) },
    );
  };
  return Object.assign(make({}), {
    setLevel: (to: Level): void => {
      level = to;
    },
    setPartLevel: (part: string, to: Level | undefined): void => {
      if (to === undefined) parts.delete(part);
      else parts.set(part, to);
    },
    tap: (listener: (line: string) => void): (() => void) => {
      taps.add(listener);
      return () => void taps.delete(listener);
    },
  });
}
