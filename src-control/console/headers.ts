/** What the browser is told about the console's pages: no code but ours, no framing, nothing kept that must not be. */

const COMMON: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/**
 * Scripts come only from our files. The nonce is for style sheets that the code editor makes at run time; attributes
 * with styles stay forbidden.
 */
export const pageHeaders = (nonce: string): Readonly<Record<string, string>> => ({
  ...COMMON,
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), clipboard-write=(self)',
});

/** Their names change with their content. */
export const assetHeaders = (type: string): Readonly<Record<string, string>> => ({
  ...COMMON,
  'content-type': type,
  'cache-control': 'public, max-age=31536000, immutable',
});

export const apiHeaders: Readonly<Record<string, string>> = {
  ...COMMON,
  'content-type': 'application/json',
  'cache-control': 'no-store',
};
