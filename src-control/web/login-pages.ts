/** The pages of signing in to the console: by provider, passkey or one-time code; and the first one of all. */
import { html, raw } from 'hono/html';
import type { Choice } from './oidc-pages.ts';
import { type Html, page } from './page.ts';

export interface PasskeyOffer {
  /** Why there are none here, or at which address there are; undefined when the button works. */
  readonly problem: string | undefined;
  /** The same page at an address where passkeys work. */
  readonly elsewhere: string | undefined;
}

export interface LoginForm {
  readonly providers: readonly Choice[];
  /** Undefined while nobody has a passkey. */
  readonly passkey: PasskeyOffer | undefined;
  readonly next: string;
  readonly csrfToken: string;
  readonly problem: string | undefined;
  /** Nobody has signed in ever: there is a page for that. */
  readonly setupHref: string | undefined;
  /** Somebody is signed in, and is asked again because of what they want to do. */
  readonly asksAgain: string | undefined;
}

export function loginPage(form: LoginForm): Html {
  const { providers, passkey, problem } = form;
  const isOnlyCode = providers.length === 0 && passkey === undefined;
  return page(
    form.asksAgain === undefined ? 'Sign in' : 'Sign in again',
    html`${form.asksAgain === undefined ? '' : html`<p>You are signed in as ${form.asksAgain}. What comes next needs a fresh proof that it is you.</p>`}
${form.setupHref === undefined ? '' : html`<p>This network has no users yet. <a href="${form.setupHref}">Set it up</a> with the code that the server printed at its start.</p>`}
${providers.length === 0 ? '' : html`<ul class="choice">${providers.map(({ name, href }) => html`<li><a class="button" href="${href}">Continue with ${name}</a></li>`)}</ul>`}
${passkey === undefined ? '' : passkeyButton(passkey, form.next, providers.length > 0)}
${isOnlyCode ? '' : html`<hr>`}
<form method="post" action="/login/code" autocomplete="off">
<input type="hidden" name="csrf" value="${form.csrfToken}">
<input type="hidden" name="next" value="${form.next}">
<label for="code">One-time code</label>
<input id="code" name="code" class="code" required maxlength="64" autocapitalize="characters" spellcheck="false"
 autocomplete="one-time-code" aria-describedby="${problem === undefined ? 'code-hint' : 'code-problem code-hint'}"${problem === undefined ? '' : raw(' aria-invalid="true"')}>
<p class="hint" id="code-hint">Made on the server with <code>rhumb-control admin-code create --console --user NAME</code></p>
${problem === undefined ? '' : html`<p class="bad" id="code-problem" role="alert">${problem}</p>`}
<button type="submit"${isOnlyCode ? '' : raw(' class="quiet"')}>Sign in with the code</button>
</form>`,
    passkey === undefined ? 'none' : 'passkey',
  );
}

/** Off until the script finds that the browser can. */
const passkeyButton = (offer: PasskeyOffer, next: string, isSecond: boolean): Html =>
  offer.problem === undefined && offer.elsewhere === undefined
    ? html`<button type="button" class="wide${isSecond ? ' quiet' : ''}" data-passkey="sign-in" data-next="${next}" disabled>Sign in with a passkey</button>
<p class="bad" id="passkey-problem" role="alert" hidden></p>
<noscript><p>Passkeys need JavaScript.</p></noscript>`
    : html`<p role="note">${offer.problem ?? html`Passkeys work at <a href="${offer.elsewhere ?? ''}">${offer.elsewhere}</a> only.`}</p>`;

export interface SetupForm {
  readonly csrfToken: string;
  readonly name: string;
  readonly problem: string | undefined;
}

export function setupPage(form: SetupForm): Html {
  const { problem } = form;
  return page(
    'Set up your network',
    html`<p>You become its owner: the one who can do everything here, and give others their roles.</p>
<form method="post" autocomplete="off">
<input type="hidden" name="csrf" value="${form.csrfToken}">
<label for="name">Your user name</label>
<input id="name" name="name" required maxlength="63" autocapitalize="none" spellcheck="false" value="${form.name}"
 autocomplete="username" aria-describedby="name-hint">
<p class="hint" id="name-hint">Letters, digits and “-._”; your machines will belong to it.</p>
<label for="code">Setup code</label>
<input id="code" name="code" class="code" required maxlength="64" autocapitalize="characters" spellcheck="false"
 autocomplete="one-time-code" aria-describedby="code-hint">
<p class="hint" id="code-hint">The server printed it when it started.</p>
${problem === undefined ? '' : html`<p class="bad" role="alert">${problem}</p>`}
<button type="submit">Become owner</button>
</form>`,
  );
}
