/** Calls about sign-in at identity providers. */
import type { SignIn } from '../oidc/sign-in.ts';
import { nothing } from './args.ts';
import { defineCall } from './call.ts';
import { live } from './deps.ts';

export interface OidcStatusJson {
  readonly redirect_uri: string;
  readonly providers: readonly {
    readonly id: string;
    readonly name: string;
    readonly issuer: string;
    readonly ready: boolean;
    /** Why it was not found the last time; null when it was. */
    readonly problem: string | null;
  }[];
  /** How many sign-ins went which way since the server started. */
  readonly counts: Readonly<Record<string, number>>;
}

const oidcJson = (signIn: SignIn | undefined): OidcStatusJson => ({
  redirect_uri: signIn?.redirectUri ?? '',
  providers: (signIn?.providers ?? []).map(({ state: { isReady, problem, ...rest } }) => ({
    ...rest,
    ready: isReady,
    problem: problem ?? null,
  })),
  counts: Object.fromEntries(signIn?.counts ?? []),
});

export const oidcCalls = {
  'oidc.status': defineCall({
    arg: nothing,
    scope: 'users:read',
    run: async (deps) => oidcJson(live(deps, 'nobody can sign in').signIn()),
  }),
};
