/** From an address under app://ui to a file of the bundle, and what is said about it (desktop.md §13 S2). */
import { join, normalize, sep } from 'node:path';
import { APP_SCHEME } from '../product.ts';
import { CONTENT_SECURITY_POLICY } from '../security/policy.ts';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json; charset=utf-8',
  svg: 'image/svg+xml',
  png: 'image/png',
  ico: 'image/x-icon',
  woff2: 'font/woff2',
};

/** Undefined for whatever is not plainly a file of ours. Names are lower and upper case as they were built. */
export function fileFor(url: string, folder: string): string | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.protocol !== `${APP_SCHEME}:` || parsed.host !== 'ui') return undefined;
  const path = parsed.pathname === '/' ? '/index.html' : parsed.pathname;
  // Our own names need no escapes, so that there is nothing to decode twice.
  if (!/^(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/.test(path)) return undefined;
  const file = normalize(join(folder, path));
  return file.startsWith(folder + sep) ? file : undefined;
}

export function headersFor(file: string): Readonly<Record<string, string>> {
  const type = TYPES[file.slice(file.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
  return {
    'content-type': type,
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'x-content-type-options': 'nosniff',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  };
}
