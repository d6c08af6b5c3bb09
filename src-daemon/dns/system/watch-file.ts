/** Tells of each change of a file that other programs write, replace, remove and make anew. */
import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';

/** The folder, because the file is replaced; the file, because one that is mounted changes without its folder. */
export function watchFile(folder: string, name: string, changed: () => void): () => void {
  const watchers: FSWatcher[] = [];
  const end = (): void => {
    for (const watcher of watchers) watcher.close();
  };
  try {
    watchers.push(
      watch(folder, { persistent: false }, (_, found) => {
        if (found === null || found === name) changed();
      }),
    );
    watchers.push(watch(join(folder, name), { persistent: false }, changed));
  } catch (error) {
    // Removed a moment ago: the folder tells when it is there again.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
      end();
      throw error;
    }
  }
  // What cannot be watched any more is looked at when it is set the next time.
  for (const watcher of watchers) watcher.on('error', () => watcher.close());
  return end;
}
