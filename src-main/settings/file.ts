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

/** Told of each change, with what was before. */
type Listener = (settings: GuiSettings, before: GuiSettings) => void;

export class SettingsFile {
  readonly #files: SettingsFiles;
  readonly #log: Log;
  readonly #listeners = new Set<Listener>();
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

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Rejects when it could not be written; it counts until the program ends all the same. */
  async edit(change: Partial<GuiSettings>): Promise<GuiSettings> {
    const before = this.#saved.settings;
    const settings = { ...before, ...change };
    this.#saved = { ...this.#saved, settings };
    for (const listener of this.#listeners) listener(settings, before);
    await this.#write();
    return settings;
  }

  /** What is so already, whatever was written down; nobody has to do anything about it. */
  learn(change: Partial<GuiSettings>): void {
    this.#saved = { ...this.#saved, settings: { ...this.#saved.settings, ...change } };
    this.#writeSoon();
  }

  placed(window: Placement): void {
    this.#saved = { ...this.#saved, window };
    this.#writeSoon();
  }

  #writeSoon(): void {
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
