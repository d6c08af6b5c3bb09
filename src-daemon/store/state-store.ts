/** The daemon's state: one JSON object from key to base64 value, replaced as a whole on every write (localapi-and-daemon.md §3.9). */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RhumbError } from '#shared/errors.ts';
import { writeFileAtomic } from '#shared/node/atomic-file.ts';
import { decodeState, encodeState } from './codec.ts';

export interface StateStore {
  get(key: string): Uint8Array | undefined;
  /** Resolves once the value is on disk; a rejected write keeps the value in memory and the next write tries again. */
  set(key: string, value: Uint8Array): Promise<void>;
  /** Several keys in one write: all of them reach the disk or none does. Undefined deletes. */
  update(values: ReadonlyMap<string, Uint8Array | undefined>): Promise<void>;
  /** Resolves when everything set so far is on disk. */
  flush(): Promise<void>;
}

/** More than any state we write; a larger file isn't ours. */
const MAX_STATE_BYTES = 16 * 1024 * 1024;

const STATE_DIR_MODE = 0o700;
const STATE_FILE_MODE = 0o600;

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

/** Makes the folder of the state file; only a folder made here gets its mode, an existing one is the user's. */
export async function makeStateDir(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: STATE_DIR_MODE });
  } catch (error) {
    if (hasCode(error, 'EACCES') || hasCode(error, 'EPERM') || hasCode(error, 'EROFS'))
      throw new RhumbError(
        'not-allowed',
        `make state folder ${path}: no permission; run rhumbd as root or give --statedir`,
        {
          cause: error,
        },
      );
    throw new RhumbError('unavailable', `make state folder ${path}: ${text(error)}`, { cause: error });
  }
}

async function readState(path: string): Promise<string | undefined> {
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new RhumbError('bad-argument', `state file ${path} is not a regular file`);
    if (info.size > MAX_STATE_BYTES)
      throw new RhumbError('bad-argument', `state file ${path} is too large to be ours (${info.size} bytes)`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    if (error instanceof RhumbError) throw error;
    if (hasCode(error, 'EACCES'))
      throw new RhumbError('not-allowed', `read state file ${path}: no permission; run rhumbd as root`, {
        cause: error,
      });
    throw new RhumbError('unavailable', `read state file ${path}: ${text(error)}`, { cause: error });
  }
}

/**
 * State in a file. Writes are serialised, and those that wait for a running one become one: a burst of changes costs
 * two writes, and a promise resolves only when its value is on disk. A damaged file stops the start and is left alone,
 * because it holds the machine's identity: only its owner can decide to give that up.
 */
export class FileStore implements StateStore {
  readonly path: string;
  readonly #values: Map<string, Uint8Array>;
  readonly #report: (error: unknown) => void;
  #running: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | undefined;

  private constructor(path: string, values: Map<string, Uint8Array>, report: (error: unknown) => void) {
    this.path = path;
    this.#values = values;
    this.#report = report;
  }

  /** `report` hears of every finished write: undefined when it went well, the error when it didn't. */
  static async open(path: string, report: (error: unknown) => void): Promise<FileStore> {
    await makeStateDir(dirname(path));
    const content = await readState(path);
    if (content === undefined) return new FileStore(path, new Map(), report);
    const values = decodeState(content);
    if (values === undefined)
      throw new RhumbError(
        'conflict',
        `state file ${path} is damaged or cut short, and was left as it is: put back a copy of it, or move it away to join as a new machine`,
      );
    return new FileStore(path, values, report);
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Uint8Array): Promise<void> {
    return this.update(new Map([[key, value]]));
  }

  update(values: ReadonlyMap<string, Uint8Array | undefined>): Promise<void> {
    for (const [key, value] of values) {
      if (value === undefined) this.#values.delete(key);
      else this.#values.set(key, value.slice());
    }
    return this.#save();
  }

  async flush(): Promise<void> {
    await (this.#waiting ?? this.#running);
  }

  /** Joins the write that waits for its turn, or queues one; the content is taken when that write begins. */
  #save(): Promise<void> {
    this.#waiting ??= this.#afterRunning();
    return this.#waiting;
  }

  async #afterRunning(): Promise<void> {
    await this.#running.catch(() => undefined); // whoever asked for that write has its error
    this.#waiting = undefined;
    this.#running = this.#write();
    return this.#running;
  }

  async #write(): Promise<void> {
    try {
      await writeFileAtomic(this.path, encodeState(this.#values), STATE_FILE_MODE);
      this.#report(undefined);
    } catch (error) {
      this.#report(error);
      throw new RhumbError('unavailable', `write state file ${this.path}: ${text(error)}`, { cause: error });
    }
  }
}

/** State that ends with the process, for `--state=mem:` and tests. */
export function memoryStore(initial: Iterable<readonly [string, Uint8Array]> = []): StateStore {
  const values = new Map(initial);
  const update = async (changes: ReadonlyMap<string, Uint8Array | undefined>): Promise<void> => {
    for (const [key, value] of changes) {
      if (value === undefined) values.delete(key);
      else values.set(key, value.slice());
    }
  };
  return {
    get: (key) => values.get(key),
    set: (key, value) => update(new Map([[key, value]])),
    update,
    flush: async () => undefined,
  };
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
