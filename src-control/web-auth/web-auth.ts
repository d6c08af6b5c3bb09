/** Everything about signing in to the console, built once for a server. */
import { Hono } from 'hono';
import type { Choice } from '../web/oidc-pages.ts';
import { accountRoutes } from './account.ts';
import { ConsoleAuth, type ConsoleAuthDeps } from './console-auth.ts';
import { loginRoutes } from './login.ts';
import { Passkeys } from './passkeys.ts';
import { RefusedSignIns } from './refused.ts';
import { Setup } from './setup.ts';
import type { OuterEnv } from './visitor.ts';

export interface WebAuth {
  readonly auth: ConsoleAuth;
  readonly passkeys: Passkeys;
  readonly refused: RefusedSignIns;
  /** To print at the start, where nobody can sign in yet. */
  readonly setupCode: string | undefined;
  routes(providers: (next: string, again: boolean) => readonly Choice[]): Hono<OuterEnv>;
}

export function openWebAuth(deps: ConsoleAuthDeps): WebAuth {
  const { network, clock, log } = deps;
  const auth = new ConsoleAuth(deps);
  const passkeys = new Passkeys(deps);
  const setup = new Setup(network, clock);
  const refused = new RefusedSignIns(network, clock, log, deps.meter);
  return {
    ...{ auth, passkeys, refused, setupCode: setup.begin() },
    routes: (providers) =>
      new Hono<OuterEnv>()
        .route('/', loginRoutes({ ...deps, auth, passkeys, setup, refused, providers }))
        .route('/', accountRoutes({ ...deps, auth, passkeys })),
  };
}
