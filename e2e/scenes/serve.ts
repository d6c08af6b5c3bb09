/** The app's production files on loopback, with the strict policy that the desktop program gives them. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';
import { ROOT } from '../lab/figures.ts';

/** Another build than the usual one: for those who work on both at once. */
export const BUNDLE = process.env['RHUMB_APP_BUNDLE'] ?? join(ROOT, 'dist/app');
export const bundleExists = (): boolean => existsSync(join(BUNDLE, 'index.html'));

// desktop.md §13 S3
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
};

export interface Served extends AsyncDisposable {
  readonly url: string;
}

/** `extra` are files from elsewhere, by their path. */
export async function serveBundle(extra: Readonly<Record<string, string>> = {}): Promise<Served> {
  if (!bundleExists()) throw new Error('the app is not built: run `npm run setup`');
  const server = createServer(({ url = '/' }, answer) => {
    const { pathname } = new URL(url, 'http://local');
    const wanted = pathname === '/' ? '/index.html' : pathname;
    const file = extra[wanted] ?? normalize(join(BUNDLE, wanted));
    const isOurs = Object.hasOwn(extra, wanted) || file.startsWith(BUNDLE + sep);
    if (!isOurs || !existsSync(file)) return void answer.writeHead(404).end();
    answer.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'cache-control': wanted === '/index.html' ? 'no-store' : 'public, max-age=31536000, immutable',
    });
    answer.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
