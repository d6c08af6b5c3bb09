/** Calls about sign-in at identity providers. */
import { z } from 'zod';
import type { SignIn } from '../oidc/sign-in.ts';
import { moveIssuer } from '../state/issuer-move.ts';
import { nothing } from './args.ts';
import { defineCall } from './call.ts';
import { live } from './deps.ts';
import { refuseAbove, userJson } from './users.ts';

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

const issuer = z.url({ protocol: /^https?$/ }).max(1_024);

export const oidcCalls = {
  'oidc.migrate-issuer': defineCall({
    arg: z.strictObject({ from: issuer, to: issuer, dry: z.boolean() }),
    scope: 'all',
    run: async (deps, { from, to, dry }, by) => {
      const { network, clock } = deps;
      const { moved: wanted } = await moveIssuer(network, from, to, true, clock.now(), by);
      // Whoever is the same subject there would be them.
      refuseAbove(deps, by, ...wanted.map(({ role }) => role));
      const { moved } = await moveIssuer(network, from, to, dry, clock.now(), by);
      return { users: moved.map(userJson), written: !dry };
    },
  }),
  'oidc.status': defineCall({
    arg: nothing,
    scope: 'users:read',
    run: async (deps) => oidcJson(live(deps, 'nobody can sign in').signIn()),
  }),
};
