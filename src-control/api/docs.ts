/** `/api/v1/docs`, `/api/v2/docs` and the documents behind them: what there is, for people and for programs. */
import { createHash } from 'node:crypto';
import type { Hono } from 'hono';
import { html, raw } from 'hono/html';
import { stringify } from 'yaml';
import type { ApiDeps, ApiEnv } from './app.ts';
import type { Endpoint } from './endpoint.ts';
import { openApi } from './openapi.ts';

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color-scheme:light dark}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #8884}
code{font:13px ui-monospace,monospace}h2{margin-top:2rem}`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
const PAGE_HEADERS = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

const rowOf = ({ method, path, need, summary }: Endpoint) =>
  html`<tr><td><code>${method}</code></td><td><code>${path}</code></td><td>${summary}</td><td><code>${need}</code></td></tr>`;

function page(title: string, base: string, endpoints: readonly Endpoint[]) {
  const tags = [...new Set(endpoints.map(({ tag }) => tag))];
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width"><style>${raw(STYLE)}</style></head><body><h1>${title}</h1>
<p>Send an API key (<code>rhumb-control apikeys create</code>) as <code>Authorization: Bearer …</code>, or as the name of Basic.
The whole description for programs: <a href="${base}/openapi.json"><code>${base}/openapi.json</code></a>.</p>
${tags.map(
  (tag) =>
    html`<h2>${tag}</h2><table><tr><th>Method</th><th>Path</th><th>What it does</th><th>Scope</th></tr>${endpoints
      .filter((one) => one.tag === tag)
      .map(rowOf)}</table>`,
)}</body></html>`;
}

export function mountDocs(
  app: Hono<ApiEnv>,
  deps: ApiDeps,
  name: string,
  base: string,
  endpoints: readonly Endpoint[],
): void {
  const title = `Rhumb ${name}`;
  // Made when it is first asked for: it is the same for as long as the server runs.
  let document: ReturnType<typeof openApi> | undefined;
  const get = () => (document ??= openApi(title, deps.version, endpoints));
  app.get(`${base}/openapi.json`, (c) => c.json(get(), 200, { 'x-content-type-options': 'nosniff' }));
  app.get(`${base}/openapi.yaml`, (c) =>
    c.body(stringify(get()), 200, {
      'content-type': 'application/yaml',
      'x-content-type-options': 'nosniff',
    }),
  );
  app.get(`${base}/docs`, (c) => c.html(page(title, base, endpoints), 200, PAGE_HEADERS));
}
