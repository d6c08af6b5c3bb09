/** A Headscale configuration read as one of ours: recognised by its keys, each of them understood or named as ignored. */
import { dirname, isAbsolute, join } from 'node:path';
import type { ConfigText, PlaceOf } from '../config-text.ts';
import { DEFAULTS, GROUPS, RULES } from './keys.ts';
import { type Ignored, Sheet } from './sheet.ts';

export interface Translated extends ConfigText {
  readonly ignored: readonly Ignored[];
  /** What `import headscale` looks for. */
  readonly source: HeadscaleSource;
}

export interface HeadscaleSource {
  /** Undefined = it is no SQLite database. */
  readonly database: string | undefined;
  readonly noiseKey: string | undefined;
  /** Of its relay, which may never have been started. */
  readonly relayKey: string | undefined;
  /** `none` = its mode is file, and there is none: then a policy in the database is not in force. */
  readonly policy: { readonly kind: 'database' | 'none' } | { readonly kind: 'file'; readonly path: string };
}

type Entries = Readonly<Record<string, unknown>>;

/** Beside server_url; one alone could be a slip in a file of ours. */
const SIGNS = ['noise', 'listen_addr', 'prefixes', 'derp', 'database', 'unix_socket'];

/** Its keys are in lower case with underscores, and ours are not, so that a file is one or the other. */
export function isHeadscale(value: unknown): value is Entries {
  if (!isEntries(value)) return false;
  const keys = Object.keys(value).map((key) => key.toLowerCase());
  return (
    keys.includes('server_url') &&
    SIGNS.some((sign) => keys.includes(sign)) &&
    !Object.keys(value).some((key) => /^[a-z]+[A-Z]/.test(key))
  );
}

export function translate(value: Entries, place: PlaceOf, file: string): Translated {
  const given = new Map<string, { readonly value: unknown; readonly path: readonly string[] }>();
  flatten(value, [], given);
  const sheet = new Sheet(new Map([...given].map(([key, one]) => [key, one.value])), file);
  for (const [key, one] of given) {
    const why = GROUPS[key];
    const rule = Object.hasOwn(RULES, key) ? RULES[key] : undefined;
    if (why !== undefined) sheet.ignore(key, why);
    else if (rule === undefined) sheet.ignore(key, 'this is no key that is known');
    else rule(one.value, key, sheet);
  }
  for (const [key, usual, isUsed] of DEFAULTS)
    if (!given.has(key) && (isUsed?.(sheet) ?? true)) RULES[key]?.(usual, key, sheet);
  for (const [family, other] of [
    ['v4', 'v6'],
    ['v6', 'v4'],
  ])
    if (!given.has(`prefixes.${family}`) && given.has(`prefixes.${other}`))
      sheet.ignore(`prefixes.${family}`, 'is not set, but machines get addresses of both families');
  return {
    value: sheet.settings,
    ignored: sheet.ignored,
    place: (path) => placeOf(path, sheet, (key) => place(given.get(key)?.path ?? [])),
    source: sourceOf(sheet, dirname(file)),
  };
}

function flatten(
  value: Entries,
  above: readonly string[],
  into: Map<string, { readonly value: unknown; readonly path: readonly string[] }>,
): void {
  for (const [name, inner] of Object.entries(value)) {
    const path = [...above, name];
    const key = path.join('.').toLowerCase();
    // An empty text is how a key is left unset there.
    if (inner === null || inner === '') continue;
    const goesOn = Object.keys(RULES).some((one) => one.startsWith(`${key}.`)) || isAbove(key);
    if (isEntries(inner) && goesOn && GROUPS[key] === undefined) flatten(inner, path, into);
    else into.set(key, { value: inner, path });
  }
}

const isAbove = (key: string): boolean => Object.keys(GROUPS).some((one) => one.startsWith(`${key}.`));

const isEntries = (value: unknown): value is Entries =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** ` (from dns.base_domain, line 7)` for a setting of ours. */
function placeOf(path: readonly PropertyKey[], sheet: Sheet, lineOf: (key: string) => string): string {
  const names = path.filter((step) => typeof step !== 'number').map(String);
  for (let length = names.length; length > 0; length--) {
    const key = sheet.origins.get(names.slice(0, length).join('.'));
    if (key === undefined) continue;
    const line = /line \d+/.exec(lineOf(key))?.[0];
    return line === undefined ? ` (from ${key})` : ` (from ${key}, ${line})`;
  }
  return '';
}

function sourceOf(sheet: Sheet, dir: string): HeadscaleSource {
  const path = (key: string): string | undefined => {
    const value = sheet.get(key);
    if (typeof value !== 'string') return undefined;
    return isAbsolute(value) ? value : join(dir, value);
  };
  const type = sheet.get('database.type') ?? 'sqlite';
  const policy = path('policy.path');
  return {
    database: type === 'sqlite' || type === 'sqlite3' ? path('database.sqlite.path') : undefined,
    noiseKey: path('noise.private_key_path'),
    relayKey: path('derp.server.private_key_path'),
    policy:
      sheet.get('policy.mode') === 'database'
        ? { kind: 'database' }
        : policy === undefined
          ? { kind: 'none' }
          : { kind: 'file', path: policy },
  };
}
