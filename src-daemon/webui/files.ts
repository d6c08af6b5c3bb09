/** The built page in memory: its files by address, each also compressed. */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

export interface StaticFile {
  readonly type: string;
  readonly bytes: Uint8Array;
  readonly gzip: Uint8Array;
  /** Its name changes with its content. */
  readonly isImmutable: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** By path with a leading slash; undefined when the page was not built. */
export function readPage(folder: string): ReadonlyMap<string, StaticFile> | undefined {
  const files = new Map<string, StaticFile>();
  const add = (path: string, name: string, isImmutable: boolean): void => {
    const type = TYPES[extname(name)];
    if (type === undefined) return; // maps and notes of the build are nobody's to read
    const bytes = readFileSync(join(folder, name));
    files.set(path, { type, bytes, gzip: gzipSync(bytes), isImmutable });
  };
  try {
    add('/', 'index.html', false);
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isFile() && entry.name !== 'index.html') add(`/${entry.name}`, entry.name, false);
    for (const name of readdirSync(join(folder, 'assets')))
      add(`/assets/${name}`, join('assets', name), true);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return files;
}
