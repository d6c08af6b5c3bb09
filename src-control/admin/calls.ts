/** Everything that can be asked of the server, in one table, and the one way in: checked argument, checked right. */
import type { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { adminCodeCalls } from './admin-codes.ts';
import { apiKeyCalls } from './api-keys.ts';
import { auditCalls } from './audit.ts';
import { authKeyCalls } from './auth-keys.ts';
import { backupCalls } from './backup.ts';
import type { Call } from './call.ts';
import { type Caller, may } from './caller.ts';
import type { AdminDeps } from './deps.ts';
import { derpCalls } from './derp.ts';
import { dnsCalls } from './dns.ts';
import { myCalls } from './my.ts';
import { nodeChangeCalls } from './node-changes.ts';
import { nodeCalls } from './nodes.ts';
import { oauthClientCalls } from './oauth-clients.ts';
import { oidcCalls } from './oidc.ts';
import { policyCalls } from './policy.ts';
import { routeCalls } from './routes.ts';
import { settingsCalls } from './settings.ts';
import { signInCalls } from './sign-ins.ts';
import { sshCheckCalls } from './ssh-checks.ts';
import { userCalls } from './users.ts';
import { webhookCalls } from './webhooks.ts';

export const calls = {
  ...auditCalls,
  ...backupCalls,
  ...webhookCalls,
  ...userCalls,
  ...signInCalls,
  ...sshCheckCalls,
  ...authKeyCalls,
  ...nodeCalls,
  ...nodeChangeCalls,
  ...routeCalls,
  ...policyCalls,
  ...adminCodeCalls,
  ...derpCalls,
  ...dnsCalls,
  ...oidcCalls,
  ...apiKeyCalls,
  ...oauthClientCalls,
  ...settingsCalls,
  ...myCalls,
};

export type CallName = keyof typeof calls;
export type CallArg<K extends CallName> = z.input<(typeof calls)[K]['arg']>;
export type CallResult<K extends CallName> = Awaited<ReturnType<(typeof calls)[K]['run']>>;

/** One administrator's hand on the state, in this process or in the server's. */
export interface Admin extends AsyncDisposable {
  call<K extends CallName>(call: K, arg: CallArg<K>): Promise<CallResult<K>>;
}

export const isCallName = (name: string): name is CallName => Object.hasOwn(calls, name);

/**
 * Does what is asked, if the caller may. Throws `not-allowed` (logged) when it may not, `bad-argument` for an argument
 * that is none; from whatever side it comes, the argument is checked here.
 */
export async function carryOut<K extends CallName>(
  deps: AdminDeps,
  name: K,
  arg: CallArg<K>,
  by: Caller,
): Promise<CallResult<K>> {
  return (await carryOutUnknown(deps, name, arg, by)) as CallResult<K>;
}

/** For names that were only compared with the table, and arguments that came from outside. */
export async function carryOutUnknown(
  deps: AdminDeps,
  name: CallName,
  arg: unknown,
  by: Caller,
): Promise<unknown> {
  // The table's entry fits its own schema; that is lost when the name is not known beforehand.
  const call = calls[name] as unknown as Call<z.ZodType, unknown>;
  if (!may(by, call.scope)) {
    deps.refusals.note(by, name, call.scope);
    throw new RhumbError('not-allowed', `not allowed: ${name} needs ${what(call.scope)}`);
  }
  const checked = call.arg.safeParse(arg);
  if (checked.success) return call.run(deps, checked.data, by);
  const [issue] = checked.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  throw new RhumbError('bad-argument', `${where}${issue?.message ?? 'malformed'}`);
}

const what = (scope: string): string => (scope === 'self' ? 'a user' : `the scope ${scope}`);
