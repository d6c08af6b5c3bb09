/** The HTTP conventions of the local API: paths, hosts, headers, error bodies (localapi-and-daemon.md §1). */

/** Clients name this host; the dialer ignores it, the server refuses others (a browser cannot send it). */
export const LOCAL_HOST = 'local-tailscaled.sock';
export const API_PREFIX = '/localapi/v0/';

export const HEADER_CAP = 'Tailscale-Cap';
export const HEADER_VERSION = 'Tailscale-Version';
/** Sent by rhumbd beside the version header, so that `rhumb` warns of a mismatch only towards its own daemon. */
export const HEADER_RHUMB = 'Rhumb-Version';
/** Base64 of the UTF-8 reason for an edit that policy restricts. */
export const HEADER_REASON = 'X-Tailscale-Reason';

/** Set on every admitted reply, errors included. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; frame-ancestors 'none'; script-src 'none'; script-src-elem 'none'; script-src-attr 'none'",
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
};

/** What of a request decides whether a browser may have sent it. */
export interface Admission {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly referer: string | undefined;
}

/** Whether a request on the socket is admitted; refuse with 403 `invalid localapi request`, before anything else. */
export const isAdmitted = ({ host = '', origin = '', referer = '' }: Admission): boolean =>
  referer === '' && origin === '' && (host === '' || host === LOCAL_HOST);

const MAX_REASON = 8_192;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Reads the reason header: undefined when absent or empty, false when malformed (400 `invalid reason header`). */
export function decodeReason(header: string | undefined): string | undefined | false {
  if (header === undefined || header === '') return undefined;
  if (header.length > MAX_REASON || !BASE64.test(header)) return false;
  try {
    const bytes = Uint8Array.from(atob(header), (char) => char.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return false;
  }
}

export const encodeReason = (text: string): string =>
  btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** Body of a JSON error, under both names: Go clients read either, `tslocal` only the lower-case one (§1.8). */
export const encodeError = (message: string): Readonly<Record<string, string>> => ({
  Error: message,
  error: message,
});

/** The message in an error reply: the field of a JSON object, else the text itself. */
export function errorText(body: string): string {
  try {
    const parsed: unknown = JSON.parse(body);
    for (const key of ['Error', 'error'])
      if (typeof parsed === 'object' && parsed !== null && Object.hasOwn(parsed, key)) {
        const message: unknown = Reflect.get(parsed, key);
        if (typeof message === 'string') return message.trim();
      }
  } catch {
    // Most errors are plain text.
  }
  return body.trim();
}
