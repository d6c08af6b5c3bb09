/** What is shown in place of a console that was not built: how to build it. */
import { html } from 'hono/html';
import { PAGE_HEADERS, page } from '../web/page.ts';

export const notBuilt = {
  headers: PAGE_HEADERS,
  html: String(
    page(
      'The console is not built',
      html`<p>This server runs from its sources, and the console’s files have not been made yet.</p>
<p>Run <code>npm run setup</code> in the project’s folder, then reload this page. The server needs no restart.</p>
<p>Everything the console does can also be done with <code>rhumb-control</code> on the server.</p>`,
    ),
  ),
};
