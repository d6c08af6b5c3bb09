/** Who an HTTP request is from: a key or a token, as Bearer or as the name of Basic; nobody may guess for long. */

import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { type Caller, callerOfKey } from '../admin/caller.ts';
import { proveApiKey } from '../auth/api-keys.ts';
import { networkOf } from '../auth/network-of.ts';
import { touchApiKey } from '../state/api-keys.ts';
import type { Network } from '../state/network.ts';
import { RateLimit } from '../web-auth/rate-limit.ts';

const FAILURES = { burst: 30, refillMs: 2_000 };
/** A Terraform run asks for each of its resources, several at once. */
const REQUESTS = { burst: 1_000, refillMs: 10 };

export type Verdict =
  | { readonly kind: 'known'; readonly by: Caller }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'too-many' };

/** The secret in an Authorization header. */
export function secretOf(header: string | undefined): string | undefined {
  const [, scheme, value] = /^(\w+) +(\S+) *$/.exec(header ?? '') ?? [];
  if (scheme === undefined || value === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const [name, password] = Buffer.from(value, 'base64').toString('utf8').split(':', 2);
  return name || password || undefined;
}

export class Credentials {
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #failures: RateLimit;
  readonly #requests: RateLimit;

  constructor(network: Network, clock: Clock, log: Log) {
    this.#network = network;
    this.#clock = clock;
    this.#log = log;
    this.#failures = new RateLimit(clock, FAILURES.burst, FAILURES.refillMs);
    this.#requests = new RateLimit(clock, REQUESTS.burst, REQUESTS.refillMs);
  }

  judge(header: string | undefined, remoteAddress: string): Verdict {
    const from = networkOf(remoteAddress);
    if (!this.#failures.allows(from)) return { kind: 'too-many' };
    const now = this.#clock.now();
    const key = proveApiKey(this.#network, secretOf(header) ?? '', now);
    // A client's secret asks for tokens, and for nothing else.
    if (key === undefined || key.kind === 'client') {
      if (header !== undefined) this.#failures.take(from);
      return { kind: 'unknown' };
    }
    if (!this.#requests.take(key.prefix)) return { kind: 'too-many' };
    touchApiKey(this.#network, key, now).catch((error: unknown) => {
      this.#log('error', 'api.use-not-written', { error });
    });
    return { kind: 'known', by: callerOfKey(this.#network, key, remoteAddress) };
  }

  /** Whether a request is worth waiting for, before its body is there. */
  isKnown(header: string | undefined): boolean {
    return proveApiKey(this.#network, secretOf(header) ?? '', this.#clock.now()) !== undefined;
  }

  /** Which key this is, as long as it is one that is good for something else than tokens. */
  ownerOf(header: string | undefined): string | undefined {
    const key = proveApiKey(this.#network, secretOf(header) ?? '', this.#clock.now());
    return key === undefined || key.kind === 'client' ? undefined : key.prefix;
  }

  /** Who holds this key at the moment, for answers that go on; counts as no request. */
  holderOf(
    header: string | undefined,
    remoteAddress: string,
  ): { readonly by: Caller; readonly keyId: number } | undefined {
    const key = proveApiKey(this.#network, secretOf(header) ?? '', this.#clock.now());
    if (key === undefined || key.kind === 'client') return undefined;
    return { by: callerOfKey(this.#network, key, remoteAddress), keyId: key.id };
  }

  /** Somebody behind this address was wrong, in another way than with a header. */
  failed(remoteAddress: string): void {
    this.#failures.take(networkOf(remoteAddress));
  }

  allows(remoteAddress: string): boolean {
    return this.#failures.allows(networkOf(remoteAddress));
  }
}
