/** A policy that is a file: read at start, and again when it changes; a broken one changes nothing (policy.md §6.1, §16). */
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Actor } from '../../store/records.ts';
import type { PolicyBook } from './book.ts';

/** Editors and orchestrators replace files in many ways; looking at it now and then sees all of them. */
const LOOK_EVERY_MS = 2_000;
const MAX_BYTES = 16 << 20;

const FILE: Actor = { origin: 'system', id: '', name: 'policy file' };

async function textOf(path: string): Promise<string> {
  const bytes = await readFile(path);
  if (bytes.length > MAX_BYTES) throw new RhumbError('bad-argument', 'it is too large to be a policy');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new RhumbError('bad-argument', 'it is not UTF-8', { cause });
  }
}

const why = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export class PolicyFile {
  readonly #book: PolicyBook;
  readonly #path: string;
  #seen = '';

  constructor(book: PolicyBook, path: string) {
    this.#book = book;
    this.#path = path;
  }

  /** At start: without a good file, and without an earlier version, there is nothing to go by. */
  async open(): Promise<void> {
    await this.reload();
    if (this.#book.active === undefined)
      throw new RhumbError(
        'bad-argument',
        this.#book.problem ?? `${this.#path} gives no policy: put a good one there`,
      );
  }

  /** Reads the file whether it changed or not. */
  async reload(): Promise<void> {
    try {
      this.#seen = await this.#stamp();
      await this.#book.takeFile(await textOf(this.#path), FILE);
    } catch (error) {
      this.#book.noteFile(`${this.#path}: ${why(error)}`);
    }
  }

  /** Looks after the file until aborted. */
  async watch(clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await clock.sleep(LOOK_EVERY_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      if ((await this.#stamp()) !== this.#seen) await this.reload();
    }
  }

  /** Another text when the file may have another content; empty when it is not there. */
  async #stamp(): Promise<string> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#path);
      return `${mtimeMs} ${size} ${ino}`;
    } catch {
      return '';
    }
  }
}
