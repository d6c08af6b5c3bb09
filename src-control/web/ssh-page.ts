/** The page on which somebody says that an SSH session is theirs. */
import { html } from 'hono/html';
import { type Html, page } from './page.ts';

export interface SshQuestion {
  readonly person: string;
  readonly source: string;
  readonly sourceAddress: string;
  readonly destination: string;
  readonly login: string;
  readonly number: string;
  readonly csrf: string;
  readonly problem: string | undefined;
}

export function sshPage(question: SshQuestion): Html {
  const { problem } = question;
  return page(
    'Is this SSH session yours?',
    html`<p class="who">${question.person}<small>signed in just now</small></p>
<p>Let it in only if you started it a moment ago and your terminal shows this number:</p>
<p class="number">${question.number}</p>
<dl>
<dt>From</dt><dd>${question.source} <small>(${question.sourceAddress})</small></dd>
<dt>To</dt><dd>${question.destination}</dd>
<dt>As</dt><dd><code>${question.login}</code></dd>
</dl>
${problem === undefined ? '' : html`<p class="bad" role="alert">${problem}</p>`}
<form method="post">
<input type="hidden" name="csrf" value="${question.csrf}">
<div class="actions">
<button type="submit" name="answer" value="yes">Let it in</button>
<button type="submit" name="answer" value="no" class="quiet">Turn it down</button>
</div>
</form>`,
  );
}
