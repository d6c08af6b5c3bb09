/** The whole state as JSON and back: every record of every kind, checked by the schema that the database has. */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { Kind, Put, Snapshot, Write } from '../store/records.ts';
import { KINDS, type Row, tables } from '../store/schema.ts';

const FORMAT = 'rhumb-control-state';
const VERSION = 1;
/** Which kinds are of no use without what is secret about them, or are over anyway when they are moved. */
const SECRET_KINDS: ReadonlySet<Kind> = new Set(['adminCode', 'grant', 'session', 'webhook', 'delivery']);
/** What is left out of the other kinds. */
const SECRET_MEMBERS: Partial<Record<Kind, string>> = { authKey: 'hash', apiKey: 'hash' };
const SECRET_SETTINGS = /-(?:key|secret|token)$/;
/** How bytes stand in JSON: no record has such a member. */
const BYTES = '$base64';
/** Before those that refer to them. */
const FIRST: readonly Kind[] = ['user', 'authKey'];
const ORDER: readonly Kind[] = [...FIRST, ...KINDS.filter((kind) => !FIRST.includes(kind))];
const MAX_PROBLEMS = 10;

/** Beside the database: the keys of what is sealed in it, and of the relay. */
export const STATE_FILES = ['oidc.key', 'relay.key'] as const;

/** Files beside the database without which parts of it are of no use, by name. */
export type StateFiles = Readonly<Record<string, string>>;

export interface ExportOptions {
  readonly withSecrets: boolean;
  readonly nowMs: number;
  readonly program: string;
  readonly files: StateFiles;
}

export function exportState(snapshot: Snapshot, options: ExportOptions): object {
  const { withSecrets } = options;
  const settings = [...snapshot.settings].filter(([key]) => withSecrets || !SECRET_SETTINGS.test(key));
  const kept = KINDS.map((kind): [Kind, readonly object[]] => [
    kind,
    !withSecrets && SECRET_KINDS.has(kind)
      ? []
      : snapshot.tables[kind].map((record) => recordJson(kind, record, withSecrets)),
  ]);
  return {
    format: FORMAT,
    version: VERSION,
    exportedAt: new Date(options.nowMs).toISOString(),
    program: options.program,
    hasSecrets: withSecrets,
    settings: Object.fromEntries(settings),
    tables: Object.fromEntries(kept),
    files: withSecrets ? options.files : {},
  };
}

function recordJson(kind: Kind, record: object, withSecrets: boolean): object {
  const secret = withSecrets ? undefined : SECRET_MEMBERS[kind];
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, value]: [string, unknown]) => {
      if (key === secret || value === undefined) return [];
      return [
        [key, value instanceof Uint8Array ? { [BYTES]: Buffer.from(value).toString('base64') } : value],
      ];
    }),
  );
}

const envelope = z.strictObject({
  format: z.literal(FORMAT, { error: 'this is no state of rhumb-control' }),
  version: z.literal(VERSION, { error: 'it was written by a newer rhumb-control' }),
  exportedAt: z.string(),
  program: z.string(),
  hasSecrets: z.boolean(),
  settings: z.record(z.string(), z.string()),
  tables: z.partialRecord(
    z.enum(KINDS as readonly [Kind, ...Kind[]]),
    z.array(z.record(z.string(), z.unknown())),
  ),
  files: z.record(z.string().regex(/^[a-z][a-z0-9.-]{0,63}$/), z.string().max(64 * 1_024)),
});

export interface ImportedState {
  readonly writes: readonly Write[];
  readonly files: StateFiles;
  readonly counts: Readonly<Record<string, number>>;
  /** What of it could not be taken over, in words. */
  readonly left: readonly string[];
}

/** Throws one error with what is wrong first. */
export function importState(json: unknown): ImportedState {
  const result = envelope.safeParse(json);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new RhumbError(
      'bad-argument',
      `the state can't be read: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim(),
    );
  }
  const { settings, tables: given, files } = result.data;
  const writes: Write[] = Object.entries(settings).map(([key, value]) => ({ put: 'setting', key, value }));
  const problems: string[] = [];
  const left: string[] = [];
  const counts: Record<string, number> = {};
  for (const kind of ORDER) {
    const rows = given[kind] ?? [];
    const secret = SECRET_MEMBERS[kind];
    const isDead = (row: object): boolean => secret !== undefined && !Object.hasOwn(row, secret);
    const deadRows = rows.filter(isDead).length;
    if (deadRows > 0)
      left.push(`${deadRows} of ${kind} are revoked: they were exported without secrets, make new ones`);
    for (const [index, row] of rows.entries()) {
      const put = readRecord(kind, isDead(row) ? dead(row) : row);
      if (typeof put === 'string') problems.push(`${kind}.${index}: ${put}`);
      else writes.push(put);
    }
    counts[kind] = rows.length;
  }
  if (problems.length > 0)
    throw new RhumbError(
      'bad-argument',
      `the state can't be read: ${problems.slice(0, MAX_PROBLEMS).join('; ')}`,
    );
  return { writes, files, counts, left };
}

/** A record goes through the database's own columns: what comes out is what would come back from disk. */
function readRecord(kind: Kind, json: Readonly<Record<string, unknown>>): Put | string {
  const given = Object.fromEntries(Object.entries(json).map(([key, value]) => [key, revive(value)]));
  // Kind and table belong together; the union of tables can't say so.
  const table = tables[kind] as {
    toRow(record: unknown): Row;
    fromRow(row: Row): { readonly id: number };
  };
  try {
    const value = table.fromRow(table.toRow(given));
    const unknown = Object.keys(given).find((key) => !Object.hasOwn(value, key));
    if (unknown !== undefined) return `there is no "${unknown}"`;
    const present = Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
    const changed = Object.keys(present).find(
      (key) => !isDeepStrictEqual(present[key as never], given[key as never]),
    );
    return changed === undefined ? ({ put: kind, value } as Put) : `"${changed}" is not what it may be`;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof z.ZodError ? error.cause.issues[0] : error;
    return cause !== null && typeof cause === 'object' && 'message' in cause
      ? String(cause.message)
      : String(cause);
  }
}

const bytes = z.strictObject({ [BYTES]: z.base64() });

function revive(value: unknown): unknown {
  const found = bytes.safeParse(value);
  return found.success ? new Uint8Array(Buffer.from(found.data[BYTES], 'base64')) : value;
}

/** A key whose secret was not exported lets nobody in, but who came in by it is still known. */
const dead = (row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
  ...row,
  hash: { [BYTES]: '' },
  revokedAt: row['revokedAt'] ?? row['createdAt'],
});
