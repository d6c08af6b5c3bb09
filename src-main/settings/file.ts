/** Keeps the program's own settings in a file, and tells who listens of each change. */
import type { GuiSettings } from '#shared/bridge/contract.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { Placement } from '../window/placement.ts';
import { NOTHING_SAVED, readSaved, type Saved, writeSaved } from './gui.ts';

export interface SettingsFiles {
  /** Undefined when there is none. */
  readonly read: () => Promise<string | undefined>;
  /** All at once or not at all. */
  readonly write: (text: string) => Promise<void>;
  /** Puts a file that nobody can read aside, so that it is not overwritten. */
  readonly setAside: () => Promise<void>;
}

export class SettingsFile {
  readonly #files: SettingsFiles;
  readonly #log: Log;
  readonly #listeners = new Set<(settings: GuiSettings) => void>();
  #saved: Saved;
  #writing: Promise<void> = Promise.resolve();

  private constructor(files: SettingsFiles, log: Log, saved: Saved) {
    this.#files = files;
    this.#log = log;
    this.#saved = saved;
  }

  /** A file that can't be read is put aside; the program starts with what it always starts with. */
  static async open(files: SettingsFiles, log: Log): Promise<SettingsFile> {
    const saved = await load(files, log);
    return new SettingsFile(files, log, saved);
  }

  get settings(): GuiSettings {
    return this.#saved.settings;
  }

  get window(): Placement | undefined {
    return this.#saved.window;
  }

  subscribe(listener: (settings: GuiSettings) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Rejects when it could not be written; it counts until the program ends all the same. */
  async edit(change: Partial<GuiSettings>): Promise<GuiSettings> {
    const settings = { ...this.#saved.settings, ...change };
    this.#saved = { ...this.#saved, settings };
    for (const listener of this.#listeners) listener(settings);
    await this.#write();
    return settings;
  }

  placed(window: Placement): void {
    this.#saved = { ...this.#saved, window };
    this.#write().catch((error: unknown) =>
      this.#log('warn', 'settings.not-written', { error: toRhumbError(error).message }),
    );
  }

  /** Resolves when all that was asked for is on disk. */
  async flush(): Promise<void> {
    await this.#writing.catch(() => undefined);
  }

  /** One after the other, each with the newest. */
  #write(): Promise<void> {
    const after = this.#writing.catch(() => undefined);
    this.#writing = after.then(() => this.#files.write(writeSaved(this.#saved)));
    return this.#writing;
  }
}

async function load(files: SettingsFiles, log: Log): Promise<Saved> {
  try {
    const text = await files.read();
    if (text === undefined) return NOTHING_SAVED;
    const saved = readSaved(text);
    if (saved !== undefined) return saved;
    log('warn', 'settings.unreadable');
    await files.setAside();
  } catch (error) {
    log('warn', 'settings.not-read', { error: toRhumbError(error).message });
  }
  return NOTHING_SAVED;
}
