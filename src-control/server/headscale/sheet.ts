/** One Headscale configuration on its way into our own settings: what was put where, from which key, and what was left with why. */
import { dirname, isAbsolute, join } from 'node:path';

/** A key that has no effect here, and what to do instead where something can be done. */
export interface Ignored {
  readonly key: string;
  readonly why: string;
}

type Json = Record<string, unknown>;

export class Sheet {
  readonly settings: Json = {};
  readonly ignored: Ignored[] = [];
  /** The key behind each of our own, for errors. */
  readonly origins = new Map<string, string>();
  readonly #given: ReadonlyMap<string, unknown>;
  readonly #dir: string;

  /** `given`: every key in lower case with dots, none without a value. */
  constructor(given: ReadonlyMap<string, unknown>, file: string) {
    this.#given = given;
    this.#dir = dirname(file);
  }

  get(key: string): unknown {
    return this.#given.get(key);
  }

  isOn(key: string): boolean {
    return asFlag(this.get(key)) === true;
  }

  put(to: string, value: unknown, from: string): void {
    const path = to.split('.');
    let here = this.settings;
    for (const step of path.slice(0, -1)) {
      const next = (here[step] ?? {}) as Json;
      here[step] = next;
      here = next;
    }
    here[path.at(-1) ?? to] = value;
    this.origins.set(to, from);
  }

  ignore(key: string, why: string): void {
    this.ignored.push({ key, why });
  }

  /** As there: relative to the file that names it. */
  file(value: unknown): unknown {
    return typeof value !== 'string' || isAbsolute(value) ? value : join(this.#dir, value);
  }
}

/** What one key comes to. */
export type Rule = (value: unknown, key: string, sheet: Sheet) => void;

/** Numbers stand for texts and texts for numbers, as there; what is neither is for the check of our own settings to refuse. */
export const asText = (value: unknown): unknown =>
  typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
export const asNumber = (value: unknown): unknown =>
  typeof value === 'string' && /^-?\d{1,9}$/.test(value) ? Number(value) : value;
export const asFlag = (value: unknown): unknown =>
  value === 1 || /^(?:1|t|true)$/i.test(String(value))
    ? true
    : value === 0 || /^(?:0|f|false)$/i.test(String(value))
      ? false
      : value;
export const asList = (value: unknown): unknown =>
  typeof value === 'string' ? value.split(/\s+/).filter(Boolean) : value;

/** Go knows the two well-known ports by name. */
export const asListen = (value: unknown): unknown =>
  typeof value === 'string' ? value.replace(/:https$/, ':443').replace(/:http$/, ':80') : value;

const UNIT_S: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3_600,
  d: 86_400,
  w: 604_800,
  y: 31_536_000,
};

/** Seconds of `1h30m`, `500ms`, `2.5h`, `1y`; undefined for what is no span. A bare number counts nanoseconds there. */
export function seconds(value: unknown): number | undefined {
  if (typeof value === 'number') return value * 1e-9;
  const text = typeof value === 'string' ? value.trim() : '';
  if (/^\d+$/.test(text)) return Number(text) * 1e-9;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|[smhdwy]))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|[smhdwy])/g))
    total += Number(number) * (UNIT_S[unit ?? ''] ?? 0);
  return total;
}

/** As our own settings write it: whole seconds, up. What can't be read is handed on, to be refused by name. */
export const asSpan = (value: unknown): unknown => {
  const total = seconds(value);
  return total === undefined ? asText(value) : total === 0 ? '0' : `${Math.ceil(total)}s`;
};
