/** Offboarding: users who signed in are looked up at their provider again and again, and lose access when it refuses them. */
import { z } from 'zod';
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import type { Network } from '../state/network.ts';
import { prolongNodes } from '../state/nodes.ts';
import { removeGrant, saveGrant, updatePerson } from '../state/people.ts';
import { suspendUser } from '../state/users.ts';
import type { GrantRecord, UserRecord } from '../store/records.ts';
import { refusalOf, vouchedPerson } from './claims.ts';
import type { Provider, Renewed } from './provider.ts';
import { seal, unseal } from './seal.ts';

export interface GrantDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly providers: readonly Provider[];
  readonly sealKey: Uint8Array;
}

const LOOK_MS = 10_000;
const AT_ONCE = 4;
/** After a provider failed, as opposed to refused. */
const FIRST_RETRY_MS = 30_000;
/** A wall clock that was set back must not put off every check. */
const CLOCK_SLACK_MS = 60_000;

/** Providers by id, because what is configured may change between two starts. */
const content = z.object({ provider: z.string(), token: z.string() });

interface Opened {
  readonly provider: Provider;
  readonly token: string;
}

export class GrantKeeper implements AsyncDisposable {
  readonly #deps: GrantDeps;
  /** User id → when to try again after a failure, by the clock that never jumps. */
  readonly #retries = new Map<number, { readonly at: number; readonly waitMs: number }>();
  readonly #underWay = new Map<number, Promise<void>>();
  #queue: GrantRecord[] = [];
  #cancelTimer: (() => void) | undefined;
  #isEnding = false;

  constructor(deps: GrantDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#arm();
  }

  /** Waits for checks under way, which their providers' end cuts short. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    this.#cancelTimer?.();
    await this.idle();
  }

  /** After a sign-in: what the provider gave this time replaces what it gave before. */
  async keep(userId: number, provider: Provider, token: string | undefined): Promise<void> {
    const { network, clock, log } = this.#deps;
    this.#retries.delete(userId);
    if (provider.settings.refresh === undefined) return removeGrant(network, userId);
    if (token === undefined) {
      // Some give one only the first time; the old one may still be good.
      if (network.grantOf(userId) === undefined)
        log('warn', 'oidc.no-refresh-token', {
          provider: provider.settings.id,
          user: userId,
          advice: 'allow offline access for this client at the provider',
        });
      return;
    }
    await saveGrant(network, this.#sealed(userId, provider, token, clock.now()));
  }

  #sealed(id: number, provider: Provider, token: string, checkedAt: number): GrantRecord {
    const plain = JSON.stringify({ provider: provider.settings.id, token });
    return { id, sealedToken: seal(this.#deps.sealKey, `grant ${id}`, plain), checkedAt };
  }

  #arm(): void {
    if (this.#isEnding) return;
    this.#cancelTimer = this.#deps.clock.after(LOOK_MS, () => {
      this.look();
      this.#arm();
    });
  }

  /** Begins whatever check is due; a round that is still going on is left to itself. */
  look(): void {
    if (this.#queue.length > 0) return;
    this.#queue = [...this.#deps.network.grants()].filter((grant) => this.#mayBeDue(grant));
    this.#drain();
  }

  /** Resolves when no check is under way; for tests. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values());
  }

  #drain(): void {
    while (!this.#isEnding && this.#underWay.size < AT_ONCE) {
      const grant = this.#queue.pop();
      if (grant === undefined) return;
      const user = this.#deps.network.user(grant.id);
      const opened = this.#open(grant);
      if (user === undefined || opened === undefined || this.#underWay.has(grant.id)) continue;
      if (!this.#isDue(grant, opened.provider.settings.refresh?.everyMs)) continue;
      const check = this.#check(grant, user, opened)
        .catch((error: unknown) => {
          this.#deps.log('error', 'oidc.check-failed', { user: user.id, error });
          this.#retryLater(user.id, opened.provider);
        })
        .finally(() => {
          this.#underWay.delete(grant.id);
          this.#drain();
        });
      this.#underWay.set(grant.id, check);
    }
  }

  /** Before it is decrypted, which costs more than looking at the time. */
  #mayBeDue(grant: GrantRecord): boolean {
    const all = this.#deps.providers.map(({ settings }) => settings.refresh?.everyMs);
    return this.#isDue(grant, Math.min(...all.filter((one) => one !== undefined)));
  }

  #isDue(grant: GrantRecord, everyMs = Number.POSITIVE_INFINITY): boolean {
    const { clock } = this.#deps;
    const retry = this.#retries.get(grant.id);
    if (retry !== undefined) return clock.monotonic() >= retry.at;
    const age = clock.now() - grant.checkedAt;
    return age >= everyMs || age < -CLOCK_SLACK_MS;
  }

  /** Undefined when it can't be used (now): another key, or a provider that is not configured (any more). */
  #open(grant: GrantRecord): Opened | undefined {
    const plain = unseal(this.#deps.sealKey, `grant ${grant.id}`, grant.sealedToken);
    const parsed = plain === undefined ? undefined : content.safeParse(JSON.parse(plain)).data;
    const provider = this.#deps.providers.find(({ settings }) => settings.id === parsed?.provider);
    if (parsed === undefined || provider === undefined) return undefined;
    return { provider, token: parsed.token };
  }

  async #check(grant: GrantRecord, user: UserRecord, { provider, token }: Opened): Promise<void> {
    const { network, clock, log } = this.#deps;
    const { identity } = user;
    if (identity === undefined) return removeGrant(network, user.id);
    const answer = await provider.refresh(token, identity.issuer, identity.subject);
    // Meanwhile the user signed in anew: what was asked for is no longer what counts.
    if (network.grantOf(user.id) !== grant) return;
    const about = { user: user.id, provider: provider.settings.id };
    if (answer.kind === 'grant-refused') return this.#suspend(user, provider, answer.detail);
    if (answer.kind !== 'renewed') {
      if (this.#isEnding) return;
      // No reason to lock anybody out: the provider is away, or does not know us.
      log('warn', 'oidc.check-postponed', { ...about, why: answer.kind, detail: answer.detail });
      this.#retryLater(user.id, provider);
      return;
    }
    this.#retries.delete(user.id);
    // The old token may be void from the moment the new one was given.
    await saveGrant(network, this.#sealed(user.id, provider, answer.refreshToken ?? token, clock.now()));
    const now = network.user(user.id);
    // Deleted, or shut out by an administrator, while that was written.
    if (now === undefined || network.grantOf(user.id) === undefined) return;
    await this.#follow(now, provider, answer);
  }

  async #follow(user: UserRecord, provider: Provider, answer: Renewed): Promise<void> {
    const { network, clock, log } = this.#deps;
    const { person, tokenEndsAt } = answer;
    if (person !== undefined) {
      const refusal = refusalOf(provider.settings, person);
      if (refusal !== undefined) return this.#suspend(user, provider, refusal);
      await updatePerson(network, user, vouchedPerson(provider.settings, person), clock.now());
    }
    if (provider.settings.expiry.kind === 'token' && tokenEndsAt !== undefined)
      await prolongNodes(network, user.id, tokenEndsAt, clock.now());
    log('debug', 'oidc.checked', { user: user.id, provider: provider.settings.id });
  }

  async #suspend(user: UserRecord, provider: Provider, why: string): Promise<void> {
    const { network, clock, log } = this.#deps;
    const now = clock.now();
    const endsAt = now + (provider.settings.refresh?.graceMs ?? 0);
    this.#retries.delete(user.id);
    const ended = await suspendUser(
      network,
      network.user(user.id) ?? user,
      { endsAt, by: 'provider', why: `${provider.settings.name}: ${why}` },
      now,
      { origin: 'oidc', id: provider.settings.id, name: provider.settings.name },
    );
    log('warn', 'oidc.user-suspended', {
      ...{ user: user.id, name: user.name, provider: provider.settings.id, why, machines: ended },
    });
  }

  #retryLater(userId: number, provider: Provider): void {
    const longest = provider.settings.refresh?.everyMs ?? FIRST_RETRY_MS;
    const waitMs = Math.min(longest, (this.#retries.get(userId)?.waitMs ?? FIRST_RETRY_MS / 2) * 2);
    this.#retries.set(userId, { at: this.#deps.clock.monotonic() + waitMs, waitMs });
  }
}
