/** Answers app://ui from the files of the bundle. */
import { readFile } from 'node:fs/promises';
import type { ServedFile } from '../shell.ts';
import { fileFor, headersFor } from './files.ts';

const nothing = (status: number): ServedFile => ({
  status,
  headers: { ...headersFor('a.html'), 'content-type': 'text/plain; charset=utf-8' },
  body: new Uint8Array(),
});

export function bundleAt(folder: string): (url: string, method: string) => Promise<ServedFile> {
  return async (url, method) => {
    if (method !== 'GET') return nothing(405);
    const file = fileFor(url, folder);
    if (file === undefined) return nothing(404);
    try {
      return { status: 200, headers: headersFor(file), body: await readFile(file) };
    } catch {
      return nothing(404); // not there, a folder, or not readable: for a page it is the same
    }
  };
}
