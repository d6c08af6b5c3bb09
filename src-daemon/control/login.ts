/** The login routine: registers again and again until the server says yes (control-protocol.md §4.2.3). */
import type { Clock, Random } from '#shared/async/clock.ts';
import { generatePrivate } from '#shared/crypto/x25519.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { PrivateKey } from '#shared/key/key.ts';
import type { RegisterResponse } from '#shared/wire/register.ts';
import type { Channel } from './channel.ts';
import {
  type Attempt,
  firstAttempt,
  judge,
  type RegisterFacts,
  registerBody,
  retryAfterMs,
} from './register.ts';
import { refusalOf, register } from './requests.ts';
import type { Retry } from './retry.ts';

export interface LoginOptions {
  readonly channel: Channel;
  readonly clock: Clock;
  readonly random: Random;
  readonly retry: Retry;
  readonly keys: { readonly nodeKey: PrivateKey | undefined; readonly oldNodeKey: PrivateKey | undefined };
  /** Sign in with a new node key. */
  readonly regenerate: boolean;
  /** Looked up for each request: the hostinfo may change meanwhile. */
  readonly facts: () => RegisterFacts;
  readonly onAuthUrl: (url: string) => void;
  /** The server's words. */
  readonly onRefused: (message: string) => void;
  /** The server can't be reached or answers nonsense; undefined once it is heard again. */
  readonly onTrouble: (message: string | undefined) => void;
}

export interface LoggedIn {
  readonly nodeKey: PrivateKey;
  readonly oldNodeKey: PrivateKey | undefined;
  readonly response: RegisterResponse;
}

/** Resolves at success; otherwise goes on until aborted. */
export async function runLogin(options: LoginOptions, signal: AbortSignal): Promise<LoggedIn> {
  const { channel, retry } = options;
  // The server's key may have changed since the last login (§2).
  channel.forgetKey();
  let attempt = firstAttempt(options.keys, options.regenerate, generatePrivate);
  while (true) {
    const response = await ask(options, attempt, signal);
    if (response === undefined) continue;
    const verdict = judge(attempt, response, generatePrivate);
    switch (verdict.kind) {
      case 'done':
        return { nodeKey: attempt.nodeKey, oldNodeKey: attempt.oldNodeKey, response };
      case 'refused':
        options.onRefused(verdict.message);
        await retry.wait(signal);
        break;
      case 'again':
        attempt = verdict.next;
        if (verdict.show !== undefined) options.onAuthUrl(verdict.show);
        if (verdict.wait) await retry.wait(signal);
        else retry.reset();
        break;
      default:
        return verdict satisfies never;
    }
  }
}

/** One request; undefined after a failure, when the wait for the next is over. */
async function ask(
  options: LoginOptions,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<RegisterResponse | undefined> {
  try {
    const response = await register(options.channel, registerBody(attempt, options.facts()), signal);
    options.onTrouble(undefined);
    return response;
  } catch (error) {
    signal.throwIfAborted();
    const trouble = toRhumbError(error);
    options.onTrouble(trouble.message);
    const refusal = refusalOf(trouble);
    if (refusal?.status === 429)
      await options.retry.waitMs(
        retryAfterMs(refusal.retryAfter, options.clock.now(), options.random()),
        signal,
      );
    else await options.retry.wait(signal);
    return undefined;
  }
}
