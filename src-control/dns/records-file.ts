/** The watched file with extra records: read when it changes, kept as it was while it can't be. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { clashWith, type ExtraRecord, parseRecord } from './record.ts';

export interface RecordsFileDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly changed: (records: readonly ExtraRecord[]) => void;
  /** Why the file is not in force as it stands; undefined when it is. */
  readonly troubled: (problem: string | undefined) => void;
}

/** Looking at a file costs nothing, and works for files that are replaced, mounted or linked. */
const LOOK_MS = 2_000;
/** Who writes a file is done after this. */
const SETTLE_MS = 250;
const MAX_BYTES = 8 << 20;
export const MAX_RECORDS = 20_000;

const given = z
  .array(
    z.strictObject({
      name: z.string().max(256),
      type: z.string().max(8).optional(),
      value: z.string().max(4_096),
    }),
  )
  .max(MAX_RECORDS);

/** Every entry, or the first that is wrong, with its place. */
export function parseRecordsFile(text: string, where: string): readonly ExtraRecord[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('bad-argument', `${where} is not JSON: ${why}`, { cause });
  }
  const parsed = given.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const at = issue?.path.join('.') ?? '';
    throw new RhumbError(
      'bad-argument',
      `${where}: ${at === '' ? 'the file' : at}: ${issue?.message ?? 'malformed'}`,
    );
  }
  return checkedRecords(parsed.data, where);
}

/** Canonical, and none that contradicts another. */
export function checkedRecords(
  list: readonly { readonly name: string; readonly type?: string | undefined; readonly value: string }[],
  where: string,
): readonly ExtraRecord[] {
  const byName = new Map<string, ExtraRecord[]>();
  return list.map((one, index) => {
    const record = parseRecord(one, `${where}: entry ${index}`);
    const others = byName.get(record.name) ?? [];
    const clash = clashWith(record, others);
    if (clash !== undefined) throw new RhumbError('bad-argument', `${where}: entry ${index}: ${clash}`);
    byName.set(record.name, [...others, record]);
    return record;
  });
}

export class RecordsFile implements Disposable {
  readonly #path: string;
  readonly #deps: RecordsFileDeps;
  #stamp = '';
  #hash = '';
  #problem: string | undefined;
  #cancel: () => void = () => undefined;
  #isClosed = false;

  constructor(path: string, deps: RecordsFileDeps) {
    this.#path = path;
    this.#deps = deps;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#cancel();
  }

  /** The first time it must be right: whoever starts the server is there to read why not. */
  async start(): Promise<void> {
    await this.#read();
    this.#again(LOOK_MS);
  }

  #again(ms: number): void {
    if (this.#isClosed) return;
    this.#cancel = this.#deps.clock.after(ms, () => {
      this.#look().catch((error: unknown) => this.#deps.log('error', 'dns-records.failed', { error }));
    });
  }

  async #look(): Promise<void> {
    const stamp = await stampOf(this.#path).catch(() => '');
    if (stamp === this.#stamp) return this.#again(LOOK_MS);
    // Twice the same before it is read: somebody may be in the middle of writing.
    this.#stamp = stamp;
    await this.#deps.clock.sleep(SETTLE_MS);
    if (this.#isClosed) return;
    if ((await stampOf(this.#path).catch(() => '')) !== stamp) {
      this.#stamp = '';
      return this.#again(SETTLE_MS);
    }
    try {
      await this.#read();
      if (this.#problem !== undefined) this.#deps.log('info', 'dns-records.file-well', { file: this.#path });
      this.#trouble(undefined);
    } catch (error) {
      const { message } = toRhumbError(error);
      if (message !== this.#problem)
        this.#deps.log('warn', 'dns-records.file-failed', { file: this.#path, error: message, isKept: true });
      this.#trouble(message);
    }
    return this.#again(LOOK_MS);
  }

  #trouble(problem: string | undefined): void {
    this.#problem = problem;
    this.#deps.troubled(problem);
  }

  async #read(): Promise<void> {
    const stamp = await stampOf(this.#path);
    const text = await readFile(this.#path, 'utf8');
    if (text.length > MAX_BYTES)
      throw new RhumbError('bad-argument', `${this.#path} is larger than ${MAX_BYTES} bytes`);
    const hash = createHash('sha256').update(text).digest('hex');
    const records = hash === this.#hash ? undefined : parseRecordsFile(text, this.#path);
    this.#stamp = stamp;
    this.#hash = hash;
    if (records === undefined || this.#isClosed) return;
    this.#deps.log('info', 'dns-records.file-read', { file: this.#path, records: records.length });
    this.#deps.changed(records);
  }
}

async function stampOf(path: string): Promise<string> {
  try {
    const { ino, mtimeMs, size } = await stat(path);
    return `${ino} ${mtimeMs} ${size}`;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('bad-argument', `can't read the DNS records: ${why}`, { cause });
  }
}
