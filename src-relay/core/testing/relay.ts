/** A relay under a fake clock, which sends as soon as the test has done what it does. */
import { generatePrivate } from '#shared/crypto/x25519.ts';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { type RelayOptions, RelayServer } from '../server.ts';

export interface TestRelay {
  readonly server: RelayServer;
  readonly clock: FakeClock;
}

export function testRelay(options: Partial<RelayOptions> = {}): TestRelay {
  const clock = new FakeClock();
  const privateKey = generatePrivate();
  const afterIo = (fn: () => void): void => queueMicrotask(fn);
  const deps = { clock, random: () => 0.5, log: silent, privateKey, afterIo };
  const server = new RelayServer({ ...deps, ...options });
  return { server, clock };
}
