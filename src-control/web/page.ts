/** The sign-in page: plain HTML without scripts, one style sheet in the page, light and dark, readable by assistive technology. */
import { createHash } from 'node:crypto';
import { html, raw } from 'hono/html';

export type Html = ReturnType<typeof html>;

const STYLE = `
:root { color-scheme: light dark; --text: #1b2430; --soft: #55606e; --page: #f4f6f8; --card: #ffffff; --line: #d5dbe2;
  --accent: #0b5cad; --on-accent: #ffffff; --bad: #a3201d; --good: #14693a; }
@media (prefers-color-scheme: dark) { :root { --text: #e8edf3; --soft: #a5b0bd; --page: #12171d; --card: #1b222b;
  --line: #38424e; --accent: #7ab8f5; --on-accent: #0d1a26; --bad: #ff9d96; --good: #7fd8a3; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--page);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 32rem; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; }
h1 { margin: 0 0 .5rem; font-size: 1.375rem; line-height: 1.3; }
h2 { margin: 2rem 0 .5rem; font-size: 1rem; }
p { margin: 0 0 1rem; color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 1.25rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
label { display: block; margin-bottom: .25rem; font-weight: 600; }
input { width: 100%; padding: .625rem .75rem; border: 1px solid var(--soft); border-radius: 8px; background: transparent;
  color: inherit; font: inherit; }
input.code { font: 1.125rem ui-monospace, monospace; letter-spacing: .05em; text-transform: uppercase; }
button { margin-top: 1rem; padding: .625rem 1.25rem; border: 0; border-radius: 8px; background: var(--accent);
  color: var(--on-accent); font: inherit; font-weight: 600; cursor: pointer; }
button:disabled { opacity: .5; cursor: default; }
button.wide { width: 100%; margin: 0 0 .75rem; }
button.small { margin: 0; padding: .375rem .75rem; font-size: .875rem; }
button.quiet, a.quiet { background: transparent; color: var(--accent); box-shadow: inset 0 0 0 1px var(--line); }
a { color: var(--accent); }
a.button { display: block; margin: 0 0 .75rem; padding: .625rem 1.25rem; border-radius: 8px; background: var(--accent);
  color: var(--on-accent); font-weight: 600; text-align: center; text-decoration: none; }
a.quiet { background: transparent; color: var(--accent); }
ul.choice { margin: 1.25rem 0; padding: 0; list-style: none; }
.who { margin: 1rem 0; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: 8px; color: var(--text); }
.who small { display: block; color: var(--soft); font-size: .875rem; }
.actions { display: flex; flex-wrap: wrap; gap: 0 .75rem; }
a:focus-visible, input:focus-visible, button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
code { overflow-wrap: anywhere; font: .875rem ui-monospace, monospace; color: var(--text); }
ul.list { margin: 0; padding: 0; list-style: none; border: 1px solid var(--line); border-radius: 8px; }
ul.list li { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem .75rem; padding: .75rem 1rem; }
ul.list li + li { border-top: 1px solid var(--line); }
ul.list .what { flex: 1 1 12rem; min-width: 0; overflow-wrap: anywhere; }
ul.list small { display: block; color: var(--soft); font-size: .875rem; }
ul.list form { display: flex; gap: .5rem; }
ul.list input { padding: .3125rem .625rem; font-size: .875rem; min-width: 0; width: 10rem; }
.number { font: 600 2rem ui-monospace, monospace; letter-spacing: .1em; color: var(--text); }
.new { margin-top: 1.25rem; }
.hint + label { margin-top: 1rem; }
.row { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; }
.row a.button, .row button { margin: 0; }
hr { margin: 1.5rem 0; border: 0; border-top: 1px solid var(--line); }
.hint { margin: .5rem 0 0; font-size: .875rem; }
.bad { margin: 1rem 0; color: var(--bad); font-weight: 600; }
.good { color: var(--good); }
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** No scripts, no other origins, no framing; forms go back to us only. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'x-content-type-options': 'nosniff',
  // Not "no-referrer": with it browsers send "Origin: null" with our own form.
  'referrer-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** The same for a page that asks the browser for passkeys: scripts come from our own files, never from the page itself. */
export const SCRIPT_PAGE_HEADERS: Readonly<Record<string, string>> = {
  ...PAGE_HEADERS,
  'content-security-policy': `${PAGE_HEADERS['content-security-policy'] ?? ''}; script-src 'self'; connect-src 'self'`,
};

export const PASSKEY_SCRIPT_PATH = '/login/passkey.js';

export function page(title: string, body: Html, scripts: 'none' | 'passkey' = 'none'): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} – Rhumb</title>
<style>${raw(STYLE)}</style>
${scripts === 'none' ? '' : html`<script type="module" src="${PASSKEY_SCRIPT_PATH}"></script>`}
</head>
<body><main>
<h1>${title}</h1>
${body}
</main></body>
</html>
`;
}

/** What the page shows of the machine that asks. */
export interface MachineFacts {
  readonly pendingId: string;
  readonly hostname: string;
  readonly system: string;
  readonly client: string;
  readonly address: string;
  readonly key: string;
}

export interface ApprovalForm {
  readonly machine: MachineFacts;
  readonly csrfToken: string;
  /** Why the last try did not work. */
  readonly problem: string | undefined;
  /** Where users with a passkey sign in, to come back here. */
  readonly passkeyHref: string | undefined;
}

export function approvalPage(form: ApprovalForm): Html {
  const { machine, problem } = form;
  const fieldHints = problem === undefined ? 'code-hint' : 'code-problem code-hint';
  return page(
    'A machine wants to join your network',
    html`<p>Approve it only if you started this sign-in yourself, or know who did.</p>
<dl>
<dt>Name</dt><dd>${machine.hostname}</dd>
<dt>System</dt><dd>${machine.system}</dd>
<dt>Client</dt><dd>${machine.client}</dd>
<dt>Asks from</dt><dd>${machine.address}</dd>
<dt>Key</dt><dd><code>${machine.key}</code></dd>
</dl>
${form.passkeyHref === undefined ? '' : html`<p><a class="button" href="${form.passkeyHref}">Sign in with a passkey</a></p>`}
<form method="post" autocomplete="off">
<input type="hidden" name="csrf" value="${form.csrfToken}">
<label for="code">One-time code</label>
<input id="code" name="code" class="code" required autofocus maxlength="64" autocapitalize="characters" spellcheck="false"
 autocomplete="one-time-code" aria-describedby="${fieldHints}"${problem === undefined ? '' : raw(' aria-invalid="true"')}>
<p class="hint" id="code-hint">The administrator makes one with <code>rhumb-control admin-code create --user NAME</code></p>
${problem === undefined ? '' : html`<p class="bad" id="code-problem" role="alert">${problem}</p>`}
<button type="submit">Approve this machine</button>
</form>
<h2>Or on the server</h2>
<p><code>rhumb-control nodes approve ${machine.pendingId} --user NAME</code></p>`,
  );
}

export function approvedPage(hostname: string): Html {
  return page(
    'The machine is in',
    html`<p class="good" role="status">${hostname} has joined the network. You can close this page.</p>`,
  );
}

/** For everything that ends here; `what` says what to do next. */
export function endPage(title: string, what: string): Html {
  return page(title, html`<p role="status">${what}</p>`);
}
