/** Settings from the environment: `RHUMB_CONTROL_KEY_EXPIRY` is `keyExpiry`, two underscores go one level down. */
import { parse } from 'yaml';
import { RhumbError } from '#shared/errors.ts';
import { nearest } from './nearest.ts';

const PREFIX = 'RHUMB_CONTROL_';
/** Not settings: which file is read, and what programs around us use. */
const OTHERS: ReadonlySet<string> = new Set(['CONFIG']);
const MAX_VALUE = 64 * 1_024;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface EnvSetting {
  /** The variable's name, for errors. */
  readonly name: string;
  readonly path: readonly string[];
  readonly text: string;
}

/** `keysAt` names the keys at a place of the configuration. */
export function settingsFromEnv(
  env: Environment,
  keysAt: (path: readonly string[]) => readonly string[],
): readonly EnvSetting[] {
  const found: EnvSetting[] = [];
  for (const name of Object.keys(env).sort()) {
    const text = env[name];
    const rest = name.slice(PREFIX.length);
    if (!name.startsWith(PREFIX) || text === undefined || OTHERS.has(rest)) continue;
    if (text.length > MAX_VALUE)
      throw new RhumbError('bad-argument', `the environment variable ${name} is too long`);
    const path: string[] = [];
    for (const part of rest.split('__')) {
      const keys = keysAt(path);
      const key = keys.find((one) => shouted(one) === part);
      if (key === undefined) throw unknownVariable(name, part, keys, path);
      path.push(key);
    }
    found.push({ name, path, text });
  }
  return found;
}

function unknownVariable(
  name: string,
  part: string,
  keys: readonly string[],
  path: readonly string[],
): RhumbError {
  const meant = nearest(part, keys.map(shouted));
  const whole = [...path.map(shouted), meant ?? ''].join('__');
  return new RhumbError(
    'bad-argument',
    meant === undefined
      ? `the environment variable ${name} is no setting: see rhumb-control configtest`
      : `the environment variable ${name} is no setting: did you mean ${PREFIX}${whole}?`,
  );
}

/** `tlsCert` as `TLS_CERT`. */
const shouted = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

/**
 * Lays one setting over what files say. `isFit` says whether a value may stand at the path: a text is taken as it is where texts
 * may stand, and as YAML (`true`, `[a, b]`) where not.
 */
export function withSetting(
  base: unknown,
  setting: EnvSetting,
  isFit: (path: readonly string[], value: unknown) => boolean,
): unknown {
  const { path, text, name } = setting;
  let value: unknown = text;
  if (!isFit(path, text)) {
    try {
      value = parse(text, { maxAliasCount: 0 });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause);
      throw new RhumbError('bad-argument', `the environment variable ${name} can't be read: ${why}`, {
        cause,
      });
    }
  }
  return put(base, setting, 0, value);
}

function put(base: unknown, setting: EnvSetting, depth: number, value: unknown): unknown {
  const key = setting.path[depth];
  if (key === undefined) return value;
  if (Array.isArray(base))
    throw new RhumbError(
      'bad-argument',
      `${setting.path.slice(0, depth).join('.')} is a list in the file, so ${setting.name} can't go over a part of it`,
    );
  const object = typeof base === 'object' && base !== null ? (base as Record<string, unknown>) : {};
  return { ...object, [key]: put(object[key], setting, depth + 1, value) };
}
