/** What people can see and change of their own sign-in: passkeys and where they are signed in. */
import { html } from 'hono/html';
import { type Html, page } from './page.ts';

export interface AccountFacts {
  readonly person: string;
  readonly role: string;
  readonly email: string | undefined;
  readonly csrf: string;
  readonly passkeys: readonly {
    readonly id: number;
    readonly name: string;
    readonly made: string;
    readonly used: string;
  }[];
  readonly sessions: readonly {
    readonly id: number;
    readonly browser: string;
    readonly address: string;
    readonly used: string;
    readonly isThis: boolean;
  }[];
  /** Why no passkey can be made here, or undefined. */
  readonly noPasskeys: string | undefined;
  /** Where passkeys can be made, if not at this address. */
  readonly elsewhere: string | undefined;
  /** The sign-in is too old to add a passkey with. */
  readonly signInAgainHref: string | undefined;
  readonly next: string | undefined;
  readonly problem: string | undefined;
}

export function accountPage(facts: AccountFacts): Html {
  const { passkeys, sessions } = facts;
  return page(
    'Your account',
    html`<p class="who">${facts.person}${facts.email === undefined || facts.email === facts.person ? '' : html` · ${facts.email}`}
<small>${facts.role} of this network</small></p>
${facts.problem === undefined ? '' : html`<p class="bad" role="alert">${facts.problem}</p>`}
<h2 id="passkeys">Passkeys</h2>
<p>With a passkey you sign in by fingerprint, face or PIN of a device of yours, without a code.</p>
${passkeys.length === 0 ? '' : html`<ul class="list" aria-labelledby="passkeys">${passkeys.map((one) => passkeyItem(one, facts.csrf))}</ul>`}
${newPasskey(facts)}
<h2 id="sessions">Where you are signed in</h2>
<ul class="list" aria-labelledby="sessions">${sessions.map((one) => sessionItem(one, facts.csrf))}</ul>
<hr>
<div class="row">
<a class="button" href="${facts.next ?? '/admin'}">${facts.next === undefined ? 'To the console' : 'Continue'}</a>
<form method="post" action="/logout"><input type="hidden" name="csrf" value="${facts.csrf}"><button type="submit" class="quiet">Sign out</button></form>
</div>`,
    'passkey',
  );
}

const passkeyItem = (one: AccountFacts['passkeys'][number], csrf: string): Html =>
  html`<li>
<span class="what"><span>${one.name}</span><small>made ${one.made}, ${one.used}</small></span>
<form method="post" action="/account/passkeys/${one.id}">
<input type="hidden" name="csrf" value="${csrf}">
<input name="name" value="${one.name}" maxlength="64" aria-label="Name of ${one.name}">
<button type="submit" name="do" value="rename" class="small quiet">Rename</button>
<button type="submit" name="do" value="remove" class="small quiet">Remove</button>
</form></li>`;

const sessionItem = (one: AccountFacts['sessions'][number], csrf: string): Html =>
  html`<li>
<span class="what">${one.browser}${one.isThis ? html` <strong>(this one)</strong>` : ''}<small>${one.address}, ${one.used}</small></span>
${
  one.isThis
    ? ''
    : html`<form method="post" action="/account/sessions/${one.id}"><input type="hidden" name="csrf" value="${csrf}"><button type="submit" class="small quiet">Sign out</button></form>`
}</li>`;

function newPasskey(facts: AccountFacts): Html {
  if (facts.noPasskeys !== undefined) return html`<p role="note">${facts.noPasskeys}</p>`;
  if (facts.elsewhere !== undefined)
    return html`<p role="note">Passkeys can be made at <a href="${facts.elsewhere}">${facts.elsewhere}</a> only.</p>`;
  if (facts.signInAgainHref !== undefined)
    return html`<p><a class="button quiet" href="${facts.signInAgainHref}">Sign in again to add a passkey</a></p>`;
  return html`<div class="new"><label for="passkey-name">Name of a new one</label>
<input id="passkey-name" maxlength="64" placeholder="My laptop"></div>
<button type="button" data-passkey="register" data-csrf="${facts.csrf}" data-next="/account${facts.next === undefined ? '' : `?next=${encodeURIComponent(facts.next)}`}" disabled>Add a passkey</button>
<p class="bad" id="passkey-problem" role="alert" hidden></p>
<noscript><p>Passkeys need JavaScript.</p></noscript>`;
}
