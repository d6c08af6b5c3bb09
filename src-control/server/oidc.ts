/** Sign-in as the configuration has it: the providers, who looks users up there again, and the key that hides their tokens. */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { RegisterDeps } from '../auth/register.ts';
import { GrantKeeper } from '../oidc/grants.ts';
import { Provider } from '../oidc/provider.ts';
import { SEAL_KEY_BYTES } from '../oidc/seal.ts';
import { SignIn } from '../oidc/sign-in.ts';
import type { Config } from './config.ts';

const KEY_FILE = 'oidc.key';
const START_TRIES = 3;
const START_PAUSE_MS = 1_000;

export interface Oidc extends AsyncDisposable {
  readonly signIn: SignIn;
  readonly grants: GrantKeeper;
  /** Looks users up at their providers again from now on; at most one keeper may, or tokens are used twice. */
  start(): void;
}

export interface OidcDeps {
  readonly register: RegisterDeps;
  readonly random: Random;
  readonly log: Log;
}

/** Undefined without providers. Rejects when one that must be there is not. */
export async function openOidc(config: Config, deps: OidcDeps): Promise<Oidc | undefined> {
  if (config.oidc.length === 0) return undefined;
  const { register, random, log } = deps;
  const { clock, network } = register;
  await using stack = new AsyncDisposableStack();
  const providers = config.oidc.map((one) => new Provider(one, { clock, random, log }));
  const keeper = new GrantKeeper({ network, clock, log, providers, sealKey: sealKey(config.stateDir) });
  stack.use(keeper);
  // After the keeper in this list, so before it at the end: their end cuts short what it waits for.
  for (const provider of providers) stack.use(provider);
  await Promise.all(providers.map((provider) => begin(provider, register)));
  const owned = stack.move();
  return {
    signIn: new SignIn({ register, providers, grants: keeper, log }),
    grants: keeper,
    start: () => keeper.start(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function begin(provider: Provider, { clock }: RegisterDeps): Promise<void> {
  const found = provider.discover();
  // Machines that are in already need no provider; whoever signs in meanwhile is told.
  if (!provider.settings.mustBeThere) return;
  await found;
  for (let tries = 1; tries < START_TRIES && !provider.state.isReady; tries++) {
    await clock.sleep(START_PAUSE_MS);
    await provider.discover();
  }
  const { id, isReady, problem } = provider.state;
  if (!isReady)
    throw new RhumbError(
      'unavailable',
      `the identity provider ${id} is not there: ${problem ?? 'no answer'}. Without onlyStartIfAvailable the server starts and keeps trying`,
    );
}

/** Made once. When it is lost, users keep their machines and are checked again from their next sign-in on. */
export function sealKey(stateDir: string): Uint8Array {
  const path = join(stateDir, KEY_FILE);
  try {
    return readKey(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, `${randomBytes(SEAL_KEY_BYTES).toString('hex')}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return readKey(path);
}

function readKey(path: string): Uint8Array {
  const text = readFileSync(path, 'utf8').trim();
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new RhumbError(
      'internal',
      `${path} holds no key: restore it from a backup, or remove it and let people sign in again`,
    );
  return new Uint8Array(Buffer.from(text, 'hex'));
}
