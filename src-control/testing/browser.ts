/** As much of a browser as a sign-in needs: cookies by host and path, redirects, forms. */
export interface Visit {
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly host: string;
  readonly path: string;
  /** As it was set. */
  readonly text: string;
}

const MAX_HOPS = 20;

export class Browser {
  #cookies: Cookie[] = [];

  /** Every cookie that is kept, as it was set. */
  get cookies(): readonly string[] {
    return this.#cookies.map(({ text }) => text);
  }

  /** Follows redirects until a page, or until `stopAt` fits the next address. */
  async open(start: string | URL, stopAt: (url: URL) => boolean = () => false): Promise<Visit> {
    return this.#follow(await this.#ask(new URL(start), undefined), stopAt);
  }

  /** Sends the form of a page, as a click on one of its buttons does. */
  async submit(
    page: Visit,
    fields: Readonly<Record<string, string>>,
    stopAt: (url: URL) => boolean = () => false,
  ): Promise<Visit> {
    const action = /<form[^>]* action="([^"]*)"/.exec(page.text)?.[1];
    const body = new URLSearchParams();
    for (const match of page.text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g))
      body.set(plainText(match[1] ?? ''), plainText(match[2] ?? ''));
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    const target = action === undefined ? page.url : new URL(plainText(action), page.url);
    return this.#follow(await this.#ask(target, body), stopAt);
  }

  async #follow(visit: Visit, stopAt: (url: URL) => boolean): Promise<Visit> {
    let at = visit;
    for (let hops = 0; hops < MAX_HOPS; hops++) {
      const next = at.headers.get('location');
      if (at.status < 300 || at.status >= 400 || next === null) return at;
      const url = new URL(next, at.url);
      if (stopAt(url)) return { ...at, url };
      at = await this.#ask(url, undefined);
    }
    throw new Error(`redirected in circles: ${at.url.href}`);
  }

  async #ask(url: URL, form: URLSearchParams | undefined): Promise<Visit> {
    const cookie = this.#cookies
      .filter(({ host, path }) => host === url.hostname && url.pathname.startsWith(path))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    const answer = await fetch(url, {
      method: form === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      headers: {
        ...(cookie === '' ? {} : { cookie }),
        ...(form === undefined ? {} : { origin: url.origin, 'sec-fetch-site': 'same-origin' }),
      },
      ...(form === undefined ? {} : { body: form }),
    });
    for (const text of answer.headers.getSetCookie()) this.#keep(url.hostname, text);
    return { url, status: answer.status, headers: answer.headers, text: await answer.text() };
  }

  #keep(host: string, text: string): void {
    const [first = '', ...attributes] = text.split(';').map((part) => part.trim());
    const [name = '', value = ''] = [first.slice(0, first.indexOf('=')), first.slice(first.indexOf('=') + 1)];
    const attribute = (wanted: string): string | undefined =>
      attributes.find((one) => one.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
    const path = attribute('path') ?? '/';
    this.#cookies = this.#cookies.filter(
      (one) => one.name !== name || one.path !== path || one.host !== host,
    );
    const ends = attribute('expires');
    const isGone = attribute('max-age') === '0' || (ends !== undefined && Date.parse(ends) <= 86_400_000);
    if (!isGone) this.#cookies.push({ name, value, host, path, text });
  }
}

/** Through the provider's own pages: who, then consent. Ends at the first page or address that is not the provider's. */
export async function signInAt(
  browser: Browser,
  page: Visit,
  login: string,
  stopAt: (url: URL) => boolean = () => false,
): Promise<Visit> {
  let at = page;
  for (let steps = 0; steps < 8; steps++) {
    const prompt = /name="prompt" value="(login|consent)"/.exec(at.text)?.[1];
    // Where scripts run, this form sends itself: it ends the session of whoever was signed in before.
    const isSelfSending = /name="xsrf"/.test(at.text);
    if ((prompt === undefined && !isSelfSending) || at.status >= 300) return at;
    at = await browser.submit(at, prompt === 'login' ? { login, password: 'any' } : {}, stopAt);
  }
  throw new Error(`the provider asks again and again: ${at.url.href}`);
}

const plainText = (text: string): string =>
  text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
