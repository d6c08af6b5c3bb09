/** The built console in memory: its files by address, each also compressed, the page itself with a place for the nonce. */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

export interface Asset {
  readonly type: string;
  readonly bytes: Uint8Array;
  readonly gzip: Uint8Array;
}

export interface Assets {
  /** Of the page, with `__CSP_NONCE__` where the nonce goes. */
  readonly page: string;
  /** By path below /admin/, such as `assets/main-4f2a.js`; their names carry their hashes. */
  readonly files: ReadonlyMap<string, Asset>;
}

export const NONCE_PLACE = '__CSP_NONCE__';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** Undefined when the console was not built. */
export function readAssets(folder: string): Assets | undefined {
  let page: string;
  let names: string[];
  try {
    page = readFileSync(join(folder, 'index.html'), 'utf8');
    names = readdirSync(join(folder, 'assets'));
  } catch {
    return undefined; // the caller says how to build it
  }
  const files = new Map<string, Asset>();
  for (const name of names) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const bytes = readFileSync(join(folder, 'assets', name));
    files.set(`assets/${name}`, { type, bytes, gzip: gzipSync(bytes) });
  }
  return { page, files };
}
