/** What the configuration says of one identity provider, checked and with its defaults. */

import type { Role } from '../store/records.ts';

/** A secret that shows nothing of itself when it is printed or logged. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toJSON(): string {
    return '(secret)';
  }
}

export interface ProviderSettings {
  /** Stands in addresses; unique. */
  readonly id: string;
  /** What people read on the button. */
  readonly name: string;
  readonly issuer: URL;
  readonly clientId: string;
  /** Undefined for a public client, which PKCE protects. */
  readonly clientSecret: Secret | undefined;
  readonly scopes: readonly string[];
  /** Added to the authorization request. */
  readonly extraParams: Readonly<Record<string, string>>;
  readonly usesPkce: boolean;
  /** Lower case; empty = any. All lists that are not empty must be passed. */
  readonly allowedDomains: readonly string[];
  readonly allowedUsers: readonly string[];
  readonly allowedGroups: readonly string[];
  /** Where in the claims the groups are. */
  readonly groupsClaim: readonly string[];
  /** Claims from which the name here is made, best first; `email_localpart` is the part before the "@". */
  readonly usernameClaims: readonly string[];
  /** Where in the claims the values are that give roles. */
  readonly roleClaim: readonly string[];
  /** Which values of it give which role; empty = roles are given here. */
  readonly roles: ReadonlyMap<Role, readonly string[]>;
  /** A user made here whose name is the person's verified address becomes theirs. */
  readonly linksByEmail: boolean;
  /** An address that the provider does not vouch for counts as none. */
  readonly needsVerifiedEmail: boolean;
  /** How long a machine stays signed in; undefined = the server's `keyExpiry`, 0 = for ever. */
  readonly expiry:
    | { readonly kind: 'server' }
    | { readonly kind: 'token' }
    | { readonly kind: 'fixed'; readonly ms: number };
  /** Undefined = users are checked only when they sign in. */
  readonly refresh: { readonly everyMs: number; readonly graceMs: number } | undefined;
  /** The server refuses to start without an answer from this provider. */
  readonly mustBeThere: boolean;
}

/** The issuer as it stands in tokens and records. `URL` adds a slash to a bare host, which issuers don't have. */
export const issuerText = (issuer: URL): string =>
  issuer.pathname === '/' ? issuer.href.slice(0, -1) : issuer.href;

/** Plain HTTP is for tests on this very machine; anywhere else it would let everybody on the way sign in as anybody. */
export const isLoopback = (url: URL): boolean =>
  url.hostname === 'localhost' || url.hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(url.hostname);
