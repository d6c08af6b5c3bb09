/** A server and a real identity provider on loopback, with clocks that tests can set and a machine that asks to join. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '#shared/async/clock.ts';
import type { Fields, Level, Log } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { checkSettings } from '../server/config-schema.ts';
import { oidcConfig } from '../server/oidc-config.ts';
import { IdentityProvider } from './identity-provider.ts';
import { type Loopback, loopback } from './loopback.ts';
import { TestMachine } from './machine.ts';

export const CLIENT = { clientId: 'rhumb', clientSecret: 'only-for-tests' };

/** Real time, moved by as much as a test wants. */
export class ShiftedClock implements Clock {
  readonly #real = systemClock();
  wallMs = 0;
  monotonicMs = 0;

  now(): number {
    return this.#real.now() + this.wallMs;
  }
  monotonic(): number {
    return this.#real.monotonic() + this.monotonicMs;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#real.sleep(ms, signal);
  }
  after(ms: number, fn: () => void): () => void {
    return this.#real.after(ms, fn);
  }
}

export interface SignInLab extends AsyncDisposable {
  readonly loop: Loopback;
  readonly provider: IdentityProvider;
  readonly clock: ShiftedClock;
  /** Everything that was logged, as one line of JSON each. */
  readonly logged: readonly string[];
  /** A machine that shows the address at which it waits. */
  machine(options?: Parameters<typeof TestMachine.connect>[1]): Promise<Waiting>;
}

export interface Waiting extends AsyncDisposable {
  readonly machine: TestMachine;
  readonly authUrl: string;
  readonly pendingId: string;
  /** The answer to the machine's waiting request. */
  readonly answer: ReturnType<TestMachine['register']>;
}

export async function signInLab(
  over: object = {},
  options: {
    readonly providerIdTokenLifeS?: number;
    readonly more?: readonly object[];
    readonly serverUrl?: string;
  } = {},
): Promise<SignInLab> {
  const port = await freePort();
  const redirectUri = `http://127.0.0.1:${port}/oidc/callback`;
  const life = options.providerIdTokenLifeS;
  const provider = await IdentityProvider.start({
    ...CLIENT,
    redirectUri,
    ...(life === undefined ? {} : { idTokenLifeS: life }),
  });
  provider.people.set('ann', {
    name: 'Ann Example',
    preferred_username: 'ann',
    email: 'ann@example.com',
    email_verified: true,
    groups: ['staff'],
  });
  const clock = new ShiftedClock();
  const logged: string[] = [];
  const oidc = [
    { issuer: provider.issuer, name: 'Test ID', id: 'test', ...CLIENT, ...over },
    ...(options.more ?? []),
  ];
  const loop = await loopback({
    config: {
      listen: { host: '127.0.0.1', port },
      serverUrl: options.serverUrl,
      oidc: oidcConfig(checkSettings({ oidc }, 'test').oidc),
    },
    clock,
    log: keepingLog(logged),
  }).catch(async (error: unknown) => {
    await provider[Symbol.asyncDispose]();
    throw error;
  });
  return {
    ...{ loop, provider, clock, logged },
    machine: (connect) => waiting(`http://${loop.server.address}`, connect),
    [Symbol.asyncDispose]: async () => {
      await loop[Symbol.asyncDispose]();
      await provider[Symbol.asyncDispose]();
    },
  };
}

export async function waiting(
  url: string,
  connect?: Parameters<typeof TestMachine.connect>[1],
): Promise<Waiting> {
  const machine = await TestMachine.connect(url, connect);
  const { AuthURL: authUrl = '' } = await machine.register({ hostname: 'laptop' });
  const answer = machine.register({ hostname: 'laptop', followup: authUrl });
  // Whoever looks at it later sees the failure; whoever never does must not end the process.
  answer.catch(() => undefined);
  return {
    ...{ machine, authUrl, answer, pendingId: authUrl.slice(authUrl.lastIndexOf('/') + 1) },
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
}

function keepingLog(lines: string[], base: Fields = {}): Log {
  const write = (level: Level, event: string, fields: Fields = {}): void => {
    lines.push(JSON.stringify({ level, event, ...base, ...fields }));
  };
  return Object.assign(write, { child: (fields: Fields) => keepingLog(lines, { ...base, ...fields }) });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
