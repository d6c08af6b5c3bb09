/** Rows of a Headscale database as they are found there, of the schemas of several years; every value is checked. */
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';

const MAX_ROWS = 1_000_000;

const id = z.number().int().min(1);
const maybeText = z
  .union([z.string(), z.null(), z.undefined()])
  .transform((value) => (value === null || value === '' ? undefined : value));
const bool = z
  .union([z.number(), z.boolean(), z.null(), z.undefined()])
  .transform((value) => value === 1 || value === true);
/** Go writes times as text, with more digits than a millisecond has. */
const time = z.union([z.string(), z.number(), z.null(), z.undefined()]).transform((value) => {
  if (value === null || value === undefined || value === '') return undefined;
  const ms =
    typeof value === 'number'
      ? value
      : Date.parse(
          value
            .replace(' ', 'T')
            .replace(/(\.\d{3})\d+/, '$1')
            .replace(/ ?([+-]\d\d):?(\d\d).*$/, '$1:$2'),
        );
  // The zero time of Go is "never".
  return Number.isNaN(ms) || ms <= 0 ? undefined : ms;
});
const jsonOf = <T>(schema: z.ZodType<T>, empty: T) =>
  z.union([z.string(), z.instanceof(Uint8Array), z.null(), z.undefined()]).transform((value, context) => {
    if (value === null || value === undefined || value.length === 0) return empty;
    try {
      const parsed = schema
        .nullable()
        .parse(JSON.parse(typeof value === 'string' ? value : Buffer.from(value).toString()));
      return parsed ?? empty;
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });
const strings = jsonOf(z.array(z.string()), []);

const user = z.object({
  id,
  name: maybeText,
  display_name: maybeText,
  email: maybeText,
  provider_identifier: maybeText,
  provider: maybeText,
  profile_pic_url: maybeText,
  created_at: time,
});
const authKey = z.object({
  id,
  key: maybeText,
  prefix: maybeText,
  hash: z.union([z.instanceof(Uint8Array), z.null(), z.undefined()]).transform((value) => value ?? undefined),
  user_id: z.union([id, z.null(), z.undefined()]).transform((value) => value ?? undefined),
  description: maybeText,
  reusable: bool,
  ephemeral: bool,
  used: bool,
  tags: strings,
  expiration: time,
  revoked: time,
  created_at: time,
});
const node = z.object({
  id,
  machine_key: z.string(),
  node_key: z.string(),
  disco_key: maybeText,
  endpoints: strings,
  host_info: jsonOf(z.record(z.string(), z.unknown()), {}),
  ipv4: maybeText,
  ipv6: maybeText,
  hostname: maybeText,
  given_name: maybeText,
  user_id: z.union([id, z.null(), z.undefined()]).transform((value) => value ?? undefined),
  register_method: maybeText,
  /** `forced_tags` in older ones. */
  tags: strings,
  auth_key_id: z.union([id, z.null(), z.undefined()]).transform((value) => value ?? undefined),
  last_seen: time,
  expiry: time,
  approved_routes: strings,
  created_at: time,
});

export type HeadscaleUser = z.output<typeof user>;
export type HeadscaleAuthKey = z.output<typeof authKey>;
export type HeadscaleNode = z.output<typeof node>;

export interface HeadscaleRows {
  /** As its own table says it; undefined for those that had none. */
  readonly version: string | undefined;
  readonly users: readonly HeadscaleUser[];
  readonly authKeys: readonly HeadscaleAuthKey[];
  readonly nodes: readonly HeadscaleNode[];
  readonly policy: string | undefined;
  readonly apiKeys: number;
  /** Rows that could not be read, in words. */
  readonly problems: readonly string[];
}

/** Reads only. Its server may be running, but what it writes meanwhile is not seen. */
export function readHeadscale(file: string): HeadscaleRows {
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(file, { readOnly: true });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('not-found', `can't open the Headscale database ${file}: ${why}`, { cause });
  }
  try {
    return readAll(database, file);
  } catch (cause) {
    if (cause instanceof RhumbError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('bad-argument', `can't read the Headscale database ${file}: ${why}`, { cause });
  } finally {
    database.close();
  }
}

function readAll(database: DatabaseSync, file: string): HeadscaleRows {
  const names = new Set(
    database
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
      .all()
      .map((row) => row['name']),
  );
  if (!names.has('nodes') || !names.has('users') || !names.has('pre_auth_keys'))
    throw new RhumbError(
      'bad-argument',
      `${file} is no Headscale database of version 0.23 or later: bring it to a newer version with Headscale first`,
    );
  const problems: string[] = [];
  const table = <T>(name: string, schema: z.ZodType<T>): readonly T[] =>
    alive(database, name).flatMap((row) => {
      const read = schema.safeParse(row);
      if (read.success) return [read.data];
      const [issue] = read.error.issues;
      problems.push(`${name} ${String(row['id'])}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
      return [];
    });
  const columns = new Set(
    database
      .prepare("SELECT name FROM pragma_table_info('nodes')")
      .all()
      .map((row) => row['name']),
  );
  if (!columns.has('ipv4') || !columns.has('approved_routes'))
    throw new RhumbError(
      'bad-argument',
      `${file} is of a Headscale before 0.26: start a newer Headscale on a copy of it once, then import that`,
    );
  const policies = names.has('policies') ? alive(database, 'policies') : [];
  const policy = policies.at(-1)?.['data'];
  const versions = names.has('database_versions') ? alive(database, 'database_versions') : [];
  const version = versions.at(-1)?.['version'];
  return {
    version: typeof version === 'string' ? version : undefined,
    users: table('users', user),
    authKeys: table('pre_auth_keys', authKey),
    nodes: table('nodes', node),
    policy: typeof policy === 'string' && policy.trim() !== '' ? policy : undefined,
    apiKeys: names.has('api_keys') ? alive(database, 'api_keys').length : 0,
    problems,
  };
}

type Row = Record<string, unknown>;

/** Without what is only marked as deleted; older columns under their newer names. */
function alive(database: DatabaseSync, table: string): readonly Row[] {
  const rows: Row[] = database.prepare(`SELECT * FROM ${table} ORDER BY id LIMIT ${MAX_ROWS}`).all();
  return rows
    .filter((row) => row['deleted_at'] === null || row['deleted_at'] === undefined)
    .map((row) => ('forced_tags' in row && !('tags' in row) ? { ...row, tags: row['forced_tags'] } : row));
}
