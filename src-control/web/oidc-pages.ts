/** The pages of signing in through an identity provider: choose one, confirm the machine, or hear why not. */
import { html } from 'hono/html';
import { type Html, type MachineFacts, page } from './page.ts';

export interface Choice {
  readonly name: string;
  readonly href: string;
}

/** Links and no form: a form that ends at another site is what the page's own policy forbids. */
export function choicePage(hostname: string, providers: readonly Choice[], codeHref: string): Html {
  return page(
    'Sign in to add this machine',
    html`<p><strong>${hostname}</strong> wants to join your network. Sign in only if you started this yourself.</p>
<ul class="choice">
${providers.map(({ name, href }) => html`<li><a class="button" href="${href}">Continue with ${name}</a></li>`)}
</ul>
<p><a href="${codeHref}">Use a one-time code of an administrator</a></p>`,
  );
}

export interface ConfirmForm {
  readonly machine: MachineFacts;
  /** Who has signed in. */
  readonly person: string;
  readonly email: string | undefined;
  /** How the person proved it, such as `signed in with Company ID`. */
  readonly how: string;
  /** Has the person this machine already? */
  readonly isKnown: boolean;
  readonly csrfToken: string;
  readonly problem: string | undefined;
  /** To the other ways of letting this machine in. */
  readonly otherHref?: string;
}

export function confirmPage(form: ConfirmForm): Html {
  const { machine, problem } = form;
  return page(
    form.isKnown ? 'Sign this machine in again?' : 'Add this machine to your network?',
    html`<p class="who">${form.person}${form.email === undefined || form.email === form.person ? '' : html` · ${form.email}`}
<small>${form.how}</small></p>
<p>Go on only if you started this on the machine below a moment ago. If somebody sent you here by a link, the machine is
theirs, and would act in your name.</p>
<dl>
<dt>Name</dt><dd>${machine.hostname}</dd>
<dt>System</dt><dd>${machine.system}</dd>
<dt>Client</dt><dd>${machine.client}</dd>
<dt>Asks from</dt><dd>${machine.address}</dd>
<dt>Key</dt><dd><code>${machine.key}</code></dd>
</dl>
${problem === undefined ? '' : html`<p class="bad" role="alert">${problem}</p>`}
<form method="post">
<input type="hidden" name="csrf" value="${form.csrfToken}">
<div class="actions">
<button type="submit" name="answer" value="yes">${form.isKnown ? 'Sign it in' : 'Add this machine'}</button>
<button type="submit" name="answer" value="no" class="quiet">This is not my machine</button>
</div>
</form>
${form.otherHref === undefined ? '' : html`<p class="hint"><a href="${form.otherHref}">Another way, or as somebody else</a></p>`}`,
  );
}

/** Why a sign-in came to nothing, and the ways on from here. */
export function failedPage(title: string, why: string, ways: readonly Choice[]): Html {
  return page(
    title,
    html`<p class="bad" role="alert">${why}</p>
${ways.map(({ name, href }, index) => html`<a class="${index === 0 ? 'button' : 'button quiet'}" href="${href}">${name}</a>`)}`,
  );
}
