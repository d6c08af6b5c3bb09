/** Moments as people say them: "3 hours ago", with the exact time in the title; one ticking clock for the whole page. */
import { useSyncExternalStore } from 'react';
import { isShown, onShownChange } from './shown.ts';
import { spokenLocale, t } from './text.ts';

const TICK_MS = 30_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

let stopWatching = (): void => undefined;

function tick(): void {
  now = Date.now();
  for (const told of listeners) told();
}

function run(): void {
  clearInterval(timer);
  timer = isShown() && listeners.size > 0 ? setInterval(tick, TICK_MS) : undefined;
}

function shownChanged(): void {
  run();
  if (isShown()) tick();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (listeners.size === 1) {
    stopWatching = onShownChange(shownChanged);
    run();
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    stopWatching();
    run();
  };
}

/** The time of the last tick: what is shown must not change at every render. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => now);

interface Formats {
  readonly locale: string;
  readonly relative: Intl.RelativeTimeFormat;
  readonly exact: Intl.DateTimeFormat;
}

let made: Formats | undefined;

/** Made once for each language: a list asks for them at every row. */
function formats(): Formats {
  const locale = spokenLocale();
  if (made?.locale === locale) return made;
  made = {
    locale,
    relative: new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }),
    exact: new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' }),
  };
  return made;
}

export const formatExact = (at: number): string => formats().exact.format(at);

/** Coarse on purpose: a list that counts seconds is restless. */
export function formatRelative(at: number, nowMs: number): string {
  const away = at - nowMs;
  const { relative } = formats();
  const size = Math.abs(away);
  if (size < MINUTE) return away > 0 ? t('in a moment') : t('just now');
  if (size < HOUR) return relative.format(Math.trunc(away / MINUTE), 'minute');
  if (size < DAY) return relative.format(Math.trunc(away / HOUR), 'hour');
  if (size < 60 * DAY) return relative.format(Math.trunc(away / DAY), 'day');
  if (size < 730 * DAY) return relative.format(Math.trunc(away / (30 * DAY)), 'month');
  return relative.format(Math.trunc(away / (365 * DAY)), 'year');
}

/** `at` as RFC 3339; `none` is shown where there is no time. */
export function When({
  at,
  none = '—',
}: {
  readonly at: string | null | undefined;
  readonly none?: string;
}): React.JSX.Element {
  return <Moment atMs={at === null || at === undefined ? undefined : Date.parse(at)} none={none} />;
}

/** `atMs` is wall clock. */
export function Moment({
  atMs,
  none = '—',
}: {
  readonly atMs: number | undefined;
  readonly none?: string;
}): React.JSX.Element {
  const nowMs = useNow();
  // Beyond it a Date has no text (ECMA-262 §21.4.1.1).
  if (atMs === undefined || !(Math.abs(atMs) <= 8.64e15)) return <span className="soft">{none}</span>;
  return (
    <time className="numbers" dateTime={new Date(atMs).toISOString()} title={formatExact(atMs)}>
      {formatRelative(atMs, nowMs)}
    </time>
  );
}
