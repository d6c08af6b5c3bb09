/** Numbers, amounts and times as people of the chosen language write them. */
import { locale } from './locale.ts';
import { t } from './text.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const made = new Map<string, unknown>();

/** Formatters are dear to make and are asked for thousands of times. */
function cached<T>(kind: string, make: (spoken: string) => T): T {
  const spoken = locale();
  const key = `${spoken} ${kind}`;
  const known = made.get(key) as T | undefined;
  if (known !== undefined) return known;
  const fresh = make(spoken);
  made.set(key, fresh);
  return fresh;
}

export function formatNumber(value: number, digits = 0): string {
  const format = cached(
    `number ${digits}`,
    (to) => new Intl.NumberFormat(to, { maximumFractionDigits: digits }),
  );
  return format.format(value);
}

export function formatPercent(part: number): string {
  return cached('percent', (to) => new Intl.NumberFormat(to, { style: 'percent' })).format(part);
}

/** `4.2 ms`: a place behind the point only where it says something. */
export function formatMs(ms: number): string {
  const digits = ms < 10 ? 1 : 0;
  return cached(
    `ms ${digits}`,
    (to) => new Intl.NumberFormat(to, { style: 'unit', unit: 'millisecond', maximumFractionDigits: digits }),
  ).format(ms);
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** In powers of 1000, three figures at most. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return cached(
    `bytes ${unit} ${digits}`,
    (to) =>
      new Intl.NumberFormat(to, {
        style: 'unit',
        unit: UNITS[unit] ?? 'byte',
        unitDisplay: unit === 0 ? 'long' : 'short',
        maximumFractionDigits: digits,
      }),
  ).format(value);
}

export const formatRate = (bytesPerSecond: number): string =>
  t('common.per-second', { amount: formatBytes(bytesPerSecond) });

/** Coarse: "3 hours", without saying whether past or to come. */
export const formatSpan = (ms: number): string => span(ms, 'long');

/** "3 hr", where there is little room. */
export const formatShortSpan = (ms: number): string => span(ms, 'short');

function span(ms: number, unitDisplay: 'long' | 'short'): string {
  const size = Math.abs(ms);
  const [value, unit] =
    size < MINUTE
      ? [size / SECOND, 'second']
      : size < HOUR
        ? [size / MINUTE, 'minute']
        : size < 2 * DAY
          ? [size / HOUR, 'hour']
          : [size / DAY, 'day'];
  return cached(
    `span ${unit} ${unitDisplay}`,
    (to) => new Intl.NumberFormat(to, { style: 'unit', unit, unitDisplay, maximumFractionDigits: 0 }),
  ).format(Math.floor(value));
}

export function formatClock(ms: number): string {
  return cached('clock', (to) => new Intl.DateTimeFormat(to, { timeStyle: 'medium' })).format(ms);
}

/** The time of today, else with its day: "14:02". */
export function formatSince(ms: number, nowMs: number): string {
  const isToday = new Date(ms).toDateString() === new Date(nowMs).toDateString();
  return cached(
    `since ${isToday}`,
    (to) =>
      new Intl.DateTimeFormat(to, {
        timeStyle: 'short',
        ...(isToday ? {} : { dateStyle: 'medium' as const }),
      }),
  ).format(ms);
}

/** Compares as people sort names: `nas-2` before `nas-10`. */
export const compareNames = (a: string, b: string): number =>
  cached('order', (to) => new Intl.Collator(to, { numeric: true, sensitivity: 'base' })).compare(a, b);
