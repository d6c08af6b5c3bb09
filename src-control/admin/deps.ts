/** What calls are carried out on: the state, and whatever is there only while a server runs. */
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import type { RegisterDeps } from '../auth/register.ts';
import type { DnsView } from '../dns/view.ts';
import type { SignIn } from '../oidc/sign-in.ts';
import type { PolicyBook } from '../policy/live/book.ts';
import type { SshCheck } from '../ssh-check/ssh-check.ts';
import type { Network } from '../state/network.ts';
import type { Dispatcher, Vault } from '../webhooks/dispatcher.ts';
import type { Refusals } from './refusals.ts';

/** Of a running server. */
export interface LiveDeps {
  readonly register: RegisterDeps;
  readonly derpMap: () => DerpMap | undefined;
  /** Gives undefined where no provider is configured. */
  readonly signIn: () => SignIn | undefined;
  readonly sshCheck: SshCheck;
  readonly webhooks: {
    readonly vault: Vault;
    readonly dispatcher: Dispatcher;
    readonly allowsInside: () => boolean;
  };
  /** Where backups are made; undefined for the usual place. */
  readonly backupFolder: () => string | undefined;
}

export interface AdminDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly baseDomain: string;
  readonly dns: DnsView;
  readonly policy: PolicyBook;
  readonly refusals: Refusals;
  /** Undefined for a state that is in memory only. */
  readonly stateDir?: string;
  /** Undefined where a command works on the state itself because no server runs. */
  readonly live: LiveDeps | undefined;
}

/** What only a running server has; `why` completes "no server runs on this state directory, so …". */
export function live(deps: AdminDeps, why: string): LiveDeps {
  if (deps.live === undefined)
    throw new RhumbError(
      'unavailable',
      `no server runs on this state directory, so ${why}: start rhumb-control serve`,
    );
  return deps.live;
}
