/** `Idempotency-Key`: a POST that is sent again, because its answer was lost, does nothing again and gets the same answer. */
import { createHash } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import type { Clock } from '#shared/async/clock.ts';
import type { ApiEnv } from './app.ts';
import type { Credentials } from './credentials.ts';
import { HttpFailure } from './errors.ts';

const KEEP_MS = 24 * 3_600_000;
/** Of one API key, and what all of them may take in memory. */
const MAX_PER_KEY = 1_000;
const MAX_BYTES = 16 << 20;
/** Beside the answer itself. */
const ENTRY_BYTES = 512;

interface Answer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array<ArrayBuffer>;
}

interface Entry {
  readonly owner: string;
  /** Of what was asked for. */
  readonly request: string;
  readonly at: number;
  /** Undefined while it is worked on. */
  answer: Answer | undefined;
}

const bytesOf = ({ answer }: Entry): number => ENTRY_BYTES + (answer?.body.length ?? 0);

const refused = (status: 400 | 409, message: string): HttpFailure =>
  new HttpFailure({ status, code: status === 400 ? 'bad-argument' : 'conflict', message });

/** What was answered, oldest first; all of it is gone after a restart. */
export class Answered {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #owned = new Map<string, number>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The answer of before; undefined when this is the first time, which `end` must follow. */
  begin(owner: string, name: string, request: string): Answer | undefined {
    this.#forgetOld();
    const id = `${owner} ${name}`;
    const known = this.#entries.get(id);
    if (known === undefined) {
      if ((this.#owned.get(owner) ?? 0) >= MAX_PER_KEY) this.#forgetFirst((one) => one.owner === owner);
      this.#add(id, { owner, request, at: this.#clock.now(), answer: undefined });
      return undefined;
    }
    if (known.request !== request)
      throw refused(400, 'this Idempotency-Key was used for another request: take a new one');
    if (known.answer === undefined)
      throw refused(409, 'a request with this Idempotency-Key is being worked on: wait for its answer');
    return known.answer;
  }

  /** Undefined: it may be tried again. */
  end(owner: string, name: string, answer: Answer | undefined): void {
    const id = `${owner} ${name}`;
    const known = this.#entries.get(id);
    if (known === undefined) return;
    this.#drop(id, known);
    if (answer !== undefined) this.#add(id, { ...known, answer });
    while (this.#bytes > MAX_BYTES && this.#forgetFirst((one) => one.answer !== undefined));
  }

  #forgetOld(): void {
    const oldest = this.#clock.now() - KEEP_MS;
    for (const [id, entry] of this.#entries) {
      // What is worked on goes to the end once it is answered, so that no old one is behind a young one for long.
      if (entry.at > oldest) return;
      this.#drop(id, entry);
    }
  }

  #forgetFirst(isMeant: (entry: Entry) => boolean): boolean {
    for (const [id, entry] of this.#entries)
      if (isMeant(entry)) {
        this.#drop(id, entry);
        return true;
      }
    return false;
  }

  #add(id: string, entry: Entry): void {
    this.#entries.set(id, entry);
    this.#bytes += bytesOf(entry);
    this.#owned.set(entry.owner, (this.#owned.get(entry.owner) ?? 0) + 1);
  }

  #drop(id: string, entry: Entry): void {
    this.#entries.delete(id);
    this.#bytes -= bytesOf(entry);
    const left = (this.#owned.get(entry.owner) ?? 1) - 1;
    if (left === 0) this.#owned.delete(entry.owner);
    else this.#owned.set(entry.owner, left);
  }
}

/** Before everything else that answers; who has no key is judged as ever. */
export const idempotent =
  (answered: Answered, credentials: Credentials): MiddlewareHandler<ApiEnv> =>
  async (c, next) => {
    const name = c.req.header('idempotency-key');
    const owner = credentials.ownerOf(c.req.header('authorization'));
    if (c.req.method !== 'POST' || name === undefined || owner === undefined) return next();
    if (!/^[\x21-\x7e]{1,255}$/.test(name))
      throw refused(400, 'an Idempotency-Key has up to 255 characters, and no blanks');
    const request = createHash('sha256').update(`${c.req.url}\n`).update(c.env.body).digest('base64');
    const before = answered.begin(owner, name, request);
    if (before !== undefined)
      return new Response(before.body, {
        status: before.status,
        headers: [
          ...before.headers.map(([key, value]): [string, string] => [key, value]),
          ['idempotency-replayed', 'true'],
        ],
      });
    let answer: Answer | undefined;
    try {
      await next();
      // What the server failed at, or had no time for, may go well the next time.
      if (c.res.status < 500 && c.res.status !== 429 && c.res.status !== 401)
        answer = {
          status: c.res.status,
          headers: [...c.res.headers],
          body: new Uint8Array(await c.res.clone().arrayBuffer()),
        };
    } finally {
      answered.end(owner, name, answer);
    }
    return undefined;
  };
