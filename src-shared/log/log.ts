/** The small logging interface that every part takes; the writer behind it is chosen in each program's main.ts. */

export type Level = 'debug' | 'info' | 'warn' | 'error';
export type Fields = Readonly<Record<string, unknown>>;

export interface Log {
  /** `event` is noun.verb, stable and greppable; fields instead of sentences. */
  (level: Level, event: string, fields?: Fields): void;
  child(fields: Fields): Log;
}

/** A log that goes nowhere, for tests. */
export const silent: Log = Object.assign((): void => undefined, { child: (): Log => silent });
