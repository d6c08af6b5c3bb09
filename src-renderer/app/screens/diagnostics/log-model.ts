/** Lines of the daemon's log, read from JSON, filtered by level, module and words; pure. */

export interface LogLine {
  /** Counts up; lines are otherwise alike. */
  readonly id: number;
  /** Wall clock ms; undefined = the line does not say. */
  readonly atMs: number | undefined;
  readonly level: LogLevel;
  readonly module: string;
  readonly text: string;
}

export const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LEVELS)[number];

const LONGEST_TEXT = 2_000;

/** Levels as numbers, as pino has them: 10 trace … 60 fatal. */
const ofNumber = (level: number): LogLevel =>
  level >= 50 ? 'error' : level >= 40 ? 'warn' : level >= 30 ? 'info' : 'debug';

function levelOf(level: unknown): LogLevel {
  if (typeof level === 'number') return ofNumber(level);
  if (level === 'fatal') return 'error';
  return LEVELS.find((one) => one === level) ?? (level === 'trace' ? 'debug' : 'info');
}

/** A line that is no JSON is text all the same. */
export function parseLine(line: string, id: number): LogLine {
  const fields = fieldsOf(line);
  if (fields === undefined)
    return { id, atMs: undefined, level: 'info', module: '', text: line.slice(0, LONGEST_TEXT) };
  const { level, time, mod, module, name, event, msg, message, ...rest } = fields;
  const said = [event, msg, message].filter((one) => typeof one === 'string' && one !== '').join(' ');
  const { pid: _pid, hostname: _host, v: _version, prog: _program, ...more } = rest;
  const extra = Object.entries(more)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  return {
    id,
    atMs: momentOf(time),
    level: levelOf(level),
    module: [mod, module, name].find((one) => typeof one === 'string') ?? '',
    text: `${said}${said !== '' && extra !== '' ? ' ' : ''}${extra}`.slice(0, LONGEST_TEXT),
  };
}

function fieldsOf(line: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function momentOf(time: unknown): number | undefined {
  const ms = typeof time === 'number' ? time : typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? ms : undefined;
}

export interface LogFilter {
  /** This level and what is worse. */
  readonly level: LogLevel;
  /** '' = all. */
  readonly module: string;
  readonly words: string;
}

export function filterLines(
  lines: readonly LogLine[],
  { level, module, words }: LogFilter,
): readonly LogLine[] {
  const least = LEVELS.indexOf(level);
  const sought = words.toLowerCase().trim();
  return lines.filter(
    (line) =>
      LEVELS.indexOf(line.level) >= least &&
      (module === '' || line.module === module) &&
      (sought === '' || `${line.module} ${line.text}`.toLowerCase().includes(sought)),
  );
}

export const modulesOf = (lines: readonly LogLine[]): readonly string[] =>
  [...new Set(lines.map(({ module }) => module))].filter((module) => module !== '').sort();

export const MOST_LINES = 2_000;

/** The newest are kept. */
export function withLines(before: readonly LogLine[], more: readonly string[]): readonly LogLine[] {
  const next = (before.at(-1)?.id ?? 0) + 1;
  return [...before, ...more.map((line, n) => parseLine(line, next + n))].slice(-MOST_LINES);
}
