/** Who visits the page on this machine: a link works once, and gives its tab a key for as long as it is used. */
import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '#shared/async/clock.ts';
import type { Rights } from '#shared/ui-state/types.ts';

export interface Visitor {
  /** Whom the link was given to: `uid 1000`. */
  readonly name: string;
  /** The same as a number; undefined = nobody knows. */
  readonly uid?: number | undefined;
  /** May change with what this user may do here. */
  readonly rights: Rights;
  /** Whose rights nobody gives or takes. */
  readonly isAdmin: boolean;
}

interface Token extends Visitor {
  rights: Rights;
  readonly untilMs: number;
}

interface Visit extends Visitor {
  rights: Rights;
  readonly untilMs: number;
  usedAt: number;
  /** Sockets that are open: a page that is looked at is not idle. */
  open: number;
}

export interface Entered {
  readonly visitor: Visitor;
  /** As they are now; undefined when the visit is over. */
  readonly rights: () => Rights | undefined;
  readonly leave: () => void;
}

/** A link that was printed and forgotten is worth nothing soon. */
const TOKEN_MS = 5 * 60_000;
const IDLE_MS = 30 * 60_000;
const LONGEST_MS = 12 * 3_600_000;
/** Of one user: another one's links stay good, however many somebody asks for. */
const MAX_TOKENS = 8;
const MAX_VISITS = 32;

const newSecret = (): string => randomBytes(32).toString('base64url');
/** Looked up by what can't be guessed bit by bit. */
const digest = (secret: string): string => createHash('sha256').update(secret).digest('base64');

export class Visits {
  readonly #clock: Clock;
  readonly #tokens = new Map<string, Token>();
  readonly #visits = new Map<string, Visit>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A token for one visit. */
  invite(visitor: Visitor): string {
    this.#sweep();
    makeRoom(this.#tokens, visitor.name, MAX_TOKENS);
    const token = newSecret();
    this.#tokens.set(digest(token), { ...visitor, untilMs: this.#clock.monotonic() + TOKEN_MS });
    return token;
  }

  /** Whom a token or a key is for; undefined when it is worth nothing. */
  holder(secret: string): Visitor | undefined {
    this.#sweep();
    const id = digest(secret);
    return this.#tokens.get(id) ?? this.#visits.get(id);
  }

  /** The key for this visit; undefined when the token was used, is too old or never was one. */
  redeem(token: string): string | undefined {
    this.#sweep();
    const found = this.#tokens.get(digest(token));
    if (found === undefined) return undefined;
    this.#tokens.delete(digest(token));
    makeRoom(this.#visits, found.name, MAX_VISITS);
    const key = newSecret();
    const now = this.#clock.monotonic();
    this.#visits.set(digest(key), { ...found, untilMs: now + LONGEST_MS, usedAt: now, open: 0 });
    return key;
  }

  /** Whose key it is, and that a socket is open with it until the returned function is called. */
  enter(key: string): Entered | undefined {
    this.#sweep();
    const id = digest(key);
    const visit = this.#visits.get(id);
    if (visit === undefined) return undefined;
    visit.open++;
    return {
      visitor: visit,
      rights: () => {
        this.#sweep();
        return this.#visits.get(id) === visit ? visit.rights : undefined;
      },
      leave: () => {
        visit.open--;
        visit.usedAt = this.#clock.monotonic();
      },
    };
  }

  /** Another operator was named: who managed as the old one only looks from now on. */
  operatorChanged(): void {
    for (const one of [...this.#tokens.values(), ...this.#visits.values()])
      if (!one.isAdmin) one.rights = 'readonly';
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    for (const [id, { untilMs }] of this.#tokens) if (now >= untilMs) this.#tokens.delete(id);
    for (const [id, { untilMs, usedAt, open }] of this.#visits)
      if (now >= untilMs || (open === 0 && now - usedAt >= IDLE_MS)) this.#visits.delete(id);
  }
}

/** The oldest of the same person's go first. */
function makeRoom(kept: Map<string, Visitor>, name: string, most: number): void {
  const own = [...kept].filter(([, one]) => one.name === name);
  for (const [id] of own.slice(0, Math.max(0, own.length - most + 1))) kept.delete(id);
}
