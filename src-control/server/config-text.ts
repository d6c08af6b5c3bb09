/** A configuration file as text: YAML, of which JSON is a part; knows on which line each key stands. */
import { LineCounter, parseDocument } from 'yaml';
import { RhumbError } from '#shared/errors.ts';

/** Nobody writes more; a file given by mistake may be anything. */
const MAX_BYTES = 4 << 20;
const MAX_PROBLEMS = 5;

/** ` (line 7)` for what stands at a path, or for the nearest thing around it; empty where there is no text. */
export type PlaceOf = (path: readonly PropertyKey[]) => string;

export interface ConfigText {
  readonly value: unknown;
  readonly place: PlaceOf;
}

export const NO_TEXT: ConfigText = { value: {}, place: () => '' };

/** Throws one error with every place where it is no YAML. */
export function readConfigText(source: string, file: string): ConfigText {
  if (source.length > MAX_BYTES)
    throw new RhumbError('bad-argument', `${file} is too large for a configuration`);
  const lines = new LineCounter();
  // The aliases of a few lines can stand for gigabytes; the library bounds them when it makes the value.
  const document = parseDocument(source, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  if (document.errors.length > 0) {
    const kind = isJson(source, file) ? 'JSON' : 'YAML';
    const problems = document.errors
      .slice(0, MAX_PROBLEMS)
      .map((error) => `line ${lines.linePos(error.pos[0]).line}: ${error.message}`);
    throw new RhumbError('bad-argument', `${file} is not ${kind}: ${problems.join('; ')}`);
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('bad-argument', `${file} can't be read: ${why}`, { cause });
  }
  return {
    // A file with nothing but comments says nothing.
    value: value ?? {},
    place: (path) => {
      const line = lineOf(document, path, lines);
      return line === undefined ? '' : ` (line ${line})`;
    },
  };
}

const isJson = (source: string, file: string): boolean => /\.json$/i.test(file) || /^\s*[[{]/.test(source);

type Document = ReturnType<typeof parseDocument>;

/** The line of a key, or of the value in a list. */
function lineOf(document: Document, path: readonly PropertyKey[], lines: LineCounter): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const parent: unknown = document.getIn(path.slice(0, length - 1), true);
    const at = startOf(parent, path[length - 1]);
    if (at !== undefined) return lines.linePos(at).line;
  }
  return undefined;
}

interface Ranged {
  readonly range?: readonly number[] | null;
}

function startOf(parent: unknown, key: PropertyKey | undefined): number | undefined {
  if (typeof parent !== 'object' || parent === null || !('items' in parent)) return undefined;
  for (const [index, item] of [...(parent.items as Iterable<unknown>)].entries()) {
    if (isPair(item)) {
      if (String(item.key.value) === String(key)) return item.key.range?.[0];
    } else if (index === key) return (item as Ranged | null)?.range?.[0];
  }
  return undefined;
}

const isPair = (item: unknown): item is { readonly key: Ranged & { readonly value: unknown } } =>
  typeof item === 'object' &&
  item !== null &&
  'key' in item &&
  typeof item.key === 'object' &&
  item.key !== null &&
  'value' in item.key;
