/** The settings file on disk. */
import { mkdir, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomic } from '#shared/node/atomic-file.ts';
import type { SettingsFiles } from './file.ts';

export const settingsOnDisk = (path: string): SettingsFiles => ({
  read: async () => {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  },
  write: async (text) => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFileAtomic(path, text);
  },
  setAside: () => rename(path, `${path}.unreadable`),
});
