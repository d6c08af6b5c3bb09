/** The log writer of our programs: pino behind the small Log interface, one JSON line per event on stderr. */
import { pino } from 'pino';
import type { Fields, Level, Log } from '../log/log.ts';
import { redact } from '../log/redact.ts';

export interface LogOptions {
  readonly level: Level;
  /** Name of the program, in every line. */
  readonly program: string;
}

export interface AdjustableLog extends Log {
  /** From now on, also for every child. */
  readonly setLevel: (level: Level) => void;
}

export function openLog(options: LogOptions): AdjustableLog {
  const writer = pino(
    {
      level: options.level,
      base: { prog: options.program },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'event',
    },
    pino.destination({ fd: 2, sync: true }),
  );
  const make = (base: Fields): Log =>
    Object.assign(
      (level: Level, event: string, fields?: Fields): void => {
        if (writer.isLevelEnabled(level)) writer[level](redact({ ...base, ...fields }) as object, event);
      },
      { child: (fields: Fields): Log => make({ ...base, ...fields }) },
    );
  return Object.assign(make({}), {
    setLevel: (level: Level): void => {
      writer.level = level;
    },
  });
}
