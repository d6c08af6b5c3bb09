/** Under which name passkeys are made: browsers bind them to a domain, and only offer them where the way there is safe (WebAuthn §5.1.3). */
import { isIP } from 'node:net';

export type PasskeySite =
  | { readonly kind: 'usable'; readonly rpId: string; readonly origin: string }
  /** In words for people. */
  | { readonly kind: 'unusable'; readonly why: string };

export function passkeySite(serverUrl: string): PasskeySite {
  const url = new URL(serverUrl);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isHere = host === 'localhost' || host === '::1' || /^127\./.test(host);
  if (isHere) {
    // An address is no domain; the name of this machine for itself is.
    const port = url.port === '' ? '' : `:${url.port}`;
    return { kind: 'usable', rpId: 'localhost', origin: `${url.protocol}//localhost${port}` };
  }
  if (url.protocol !== 'https:')
    return {
      kind: 'unusable',
      why: 'Passkeys need an encrypted connection: give the server a certificate, or put it behind a proxy that has one, and set serverUrl to the https address.',
    };
  if (isIP(host) !== 0)
    return {
      kind: 'unusable',
      why: 'Passkeys need a name: browsers don’t make them for an address. Set serverUrl to a domain name.',
    };
  return { kind: 'usable', rpId: host, origin: url.origin };
}
