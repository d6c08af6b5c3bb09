/** What a page may do besides showing what it is given: almost nothing (desktop.md §13 S3–S7, S11). */
import { APP_ORIGIN } from '../product.ts';
import type { PageRules, Sender, WebPreferences } from '../shell.ts';

const CSP: Readonly<Record<string, string>> = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'font-src': "'self'",
  'connect-src': "'none'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
  'require-trusted-types-for': "'script'",
  'trusted-types': "'none'",
};

export const CONTENT_SECURITY_POLICY = Object.entries(CSP)
  .map(([name, value]) => `${name} ${value}`)
  .join('; ');

/** Only the program's own files: no scheme that runs a program, no other host, no data. */
export function isOwnPage(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed !== null && `${parsed.protocol}//${parsed.host}` === APP_ORIGIN && parsed.username === '';
}

export const PAGE_RULES: PageRules = {
  // The page changes only the fragment of its address, which is no navigation.
  mayNavigate: () => false,
  mayRequest: isOwnPage,
  mayUse: (permission, origin) => permission === 'clipboard-sanitized-write' && origin === APP_ORIGIN,
};

/** A call counts only from the main frame of our own window, on our own page. */
export const isOurs = ({ windowId, isMainFrame, url }: Sender, ownId: number | undefined): boolean =>
  ownId !== undefined && windowId === ownId && isMainFrame && isOwnPage(url);

export const webPreferences = (
  preload: string,
  isRelease: boolean,
  additionalArguments: string[],
): WebPreferences => ({
  preload,
  additionalArguments,
  contextIsolation: true,
  sandbox: true,
  nodeIntegration: false,
  nodeIntegrationInWorker: false,
  nodeIntegrationInSubFrames: false,
  webSecurity: true,
  webviewTag: false,
  devTools: !isRelease,
  spellcheck: false,
  navigateOnDragDrop: false,
  safeDialogs: true,
});
