/** Forms of people who are not signed in yet: each carries a token that only the browser which got the form can have. */
import { randomBytes } from 'node:crypto';
import { getCookie, setCookie } from 'hono/cookie';
import { type Ctx, comesFromUs, formToken, requestOf, sameText } from './visitor.ts';

const COOKIE_BYTES = 16;

export class FormGuard {
  readonly #key = randomBytes(32);
  readonly #serverUrl: string;
  readonly #cookie: string;
  readonly #path: string;

  constructor(serverUrl: string, cookie: string, path: string) {
    this.#serverUrl = serverUrl;
    this.#cookie = cookie;
    this.#path = path;
  }

  /** For the form about `subject`; sets the cookie that it belongs to. */
  token(c: Ctx, subject: string): string {
    const known = getCookie(c, this.#cookie);
    const cookie =
      known !== undefined && /^[\w-]{22}$/.test(known)
        ? known
        : randomBytes(COOKIE_BYTES).toString('base64url');
    setCookie(c, this.#cookie, cookie, {
      ...{ path: this.#path, httpOnly: true, sameSite: 'Strict' },
      secure: this.#serverUrl.startsWith('https:'),
    });
    return formToken(this.#key, cookie, subject);
  }

  isOurs(c: Ctx, token: unknown, subject: string): boolean {
    const want = formToken(this.#key, getCookie(c, this.#cookie) ?? '', subject);
    return comesFromUs(requestOf(c), this.#serverUrl) && sameText(token, want);
  }
}
