/** Records that machines ask for to prove that their name is theirs: whose they may be, published until visible, taken away in time. */
import { z } from 'zod';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { parseJson } from '#shared/wire/json.ts';
import { isAdmitted, isExpired, type Network } from '../../state/network.ts';
import type { AuditEntry, NodeRecord } from '../../store/records.ts';
import { canonicalName } from '../names.ts';
import type { DnsView } from '../view.ts';
import type { Server } from './ask.ts';
import type { Publisher } from './publish.ts';

export interface ChallengesDeps {
  readonly network: Network;
  readonly view: DnsView;
  readonly clock: Clock;
  readonly log: Log;
  readonly publisher: Publisher;
  readonly timeoutMs: number;
  readonly keepMs: number;
  /** Who must know the record; undefined = whoever `nameserversOf` finds. */
  readonly check: readonly Server[] | undefined;
  readonly nameserversOf: (name: string, signal: AbortSignal) => Promise<readonly Server[]>;
  readonly txtAt: (server: Server, name: string, signal: AbortSignal) => Promise<readonly string[]>;
  /** False when this machine asks too often. */
  readonly mayAsk: (nodeId: number) => boolean;
  readonly count: (result: 'published' | 'failed') => void;
}

export interface Wanted {
  readonly name: string;
  readonly type: string;
  readonly value: string;
}

const PREFIX = '_acme-challenge.';
/** What ACME computes is 43 characters of base64url (RFC 8555 §8.4); others may want a little more. */
const VALUE = /^[A-Za-z0-9_-]{1,255}$/;
const MAX_AT_ONCE = 32;
const FIRST_LOOK_MS = 200;
const LONGEST_LOOK_MS = 5_000;
const REMOVE_AGAIN_MS = 300_000;
/** Setting of the store with what is published, so that a server that ends does not leave it behind. */
const PUBLISHED = 'dns-challenges';

const published = z.array(z.object({ name: z.string(), value: z.string(), until: z.number() }));
type Published = z.output<typeof published>[number];

export class Challenges implements AsyncDisposable {
  readonly #deps: ChallengesDeps;
  readonly #closing = new AbortController();
  readonly #removing = new Set<Promise<void>>();
  #published: readonly Published[];
  #underWay = 0;
  #cancel: () => void = () => undefined;

  constructor(deps: ChallengesDeps) {
    this.#deps = deps;
    const text = deps.network.setting(PUBLISHED);
    this.#published = text === undefined ? [] : published.parse(parseJson(text));
    for (const one of this.#published) deps.publisher.restore(one.name, one.value);
    this.#schedule();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancel();
    this.#closing.abort(new RhumbError('unavailable', 'the server ends'));
    await Promise.all(this.#removing);
  }

  /** Resolves when everybody who must know the record does. Throws, in words for the machine's user, when that can't be. */
  async publish(node: NodeRecord, wanted: Wanted): Promise<void> {
    const { clock, log, view, mayAsk, timeoutMs, count } = this.#deps;
    if (!view.effective.https)
      throw new RhumbError(
        'not-allowed',
        'certificates are not enabled in this network: ask its administrator',
      );
    if (!isAdmitted(node) || isExpired(node, clock.now()))
      throw new RhumbError('not-allowed', 'this machine is not in the network (any more): sign in again');
    const name = this.#checked(node, wanted);
    if (!mayAsk(node.id) || this.#underWay >= MAX_AT_ONCE)
      throw new RhumbError('unavailable', 'too many certificates at once: try again in an hour');
    this.#underWay += 1;
    const startedAt = clock.monotonic();
    try {
      await within(clock, timeoutMs, this.#closing.signal, (signal) =>
        this.#put(node, name, wanted.value, signal),
      );
      count('published');
      log('info', 'dns-challenge.published', {
        node: node.id,
        name,
        ms: Math.round(clock.monotonic() - startedAt),
      });
    } catch (error) {
      const { code, message } = toRhumbError(error);
      count('failed');
      log('warn', 'dns-challenge.failed', { node: node.id, name, error: message });
      throw new RhumbError(code === 'internal' ? 'unavailable' : code, message, { cause: error });
    } finally {
      this.#underWay -= 1;
    }
  }

  #checked(node: NodeRecord, wanted: Wanted): string {
    const own = this.#deps.view.fqdnOf(node);
    if (wanted.type.toUpperCase() !== 'TXT')
      throw new RhumbError('bad-argument', `only TXT records can be set, not ${wanted.type.slice(0, 16)}`);
    if (canonicalName(wanted.name) !== `${PREFIX}${own}`)
      throw new RhumbError('not-allowed', `this machine may only set ${PREFIX}${own}`);
    if (!VALUE.test(wanted.value))
      throw new RhumbError('bad-argument', 'the value is not 1 to 255 characters of base64url');
    return `${PREFIX}${own}`;
  }

  async #put(node: NodeRecord, name: string, value: string, signal: AbortSignal): Promise<void> {
    const { publisher, clock, keepMs } = this.#deps;
    // Remembered before it is out, so that it is taken away whatever happens in between.
    await this.#remember({ name, value, until: clock.now() + keepMs }, node);
    await publisher.add(name, value, signal);
    await this.#waitVisible(name, value, signal);
  }

  /** Every server that the world may ask has to know: an authority picks one of them. */
  async #waitVisible(name: string, value: string, signal: AbortSignal): Promise<void> {
    const { check, nameserversOf, txtAt, clock, log } = this.#deps;
    let left = check ?? (await nameserversOf(name, signal));
    if (check === undefined && left.length === 0)
      log('warn', 'dns-challenge.unchecked', {
        name,
        why: 'no nameserver of the domain was found: see dns.https.check',
      });
    let why = '';
    const look = async (server: Server): Promise<boolean> => {
      try {
        return (await txtAt(server, name, signal)).includes(value);
      } catch (error) {
        why = `: ${toRhumbError(error).message}`;
        return false;
      }
    };
    for (let wait = FIRST_LOOK_MS; ; wait = Math.min(wait * 1.5, LONGEST_LOOK_MS)) {
      const knows = await Promise.all(left.map(look));
      left = left.filter((_, index) => !knows[index]);
      if (left.length === 0) return;
      const missing = left.map(({ host }) => host).join(', ');
      await clock.sleep(wait, signal).catch((cause: unknown) => {
        throw new RhumbError('timeout', `the record ${name} is not visible at ${missing}${why}`, { cause });
      });
    }
  }

  async #remember(one: Published, node: NodeRecord): Promise<void> {
    const others = this.#published.filter(({ name, value }) => name !== one.name || value !== one.value);
    const machine = { id: String(node.id), name: node.givenName };
    await this.#save(
      [...others, one],
      [
        {
          at: this.#deps.clock.now(),
          actor: { origin: 'node', ...machine },
          action: 'publish',
          target: { type: 'node', ...machine, property: 'certificate challenge' },
          new: one.name,
        },
      ],
    );
    this.#schedule();
  }

  async #save(list: readonly Published[], audit: readonly AuditEntry[] = []): Promise<void> {
    this.#published = list;
    const value = JSON.stringify(list);
    await this.#deps.network.save({ writes: [{ put: 'setting', key: PUBLISHED, value }], audit });
  }

  #schedule(): void {
    this.#cancel();
    if (this.#published.length === 0 || this.#closing.signal.aborted) return;
    const { clock } = this.#deps;
    const next = Math.min(...this.#published.map(({ until }) => until));
    this.#cancel = clock.after(Math.max(0, next - clock.now()), () => {
      const done = this.#removeDue().finally(() => this.#removing.delete(done));
      this.#removing.add(done);
    });
  }

  /** What can't be taken away now is tried again; records left behind are harmless but untidy. */
  async #removeDue(): Promise<void> {
    const { clock, publisher, log, timeoutMs } = this.#deps;
    const now = clock.now();
    const kept = new Map<Published, Published>();
    for (const one of this.#published.filter(({ until }) => until <= now))
      try {
        await within(clock, timeoutMs, this.#closing.signal, (signal) =>
          publisher.remove(one.name, one.value, signal),
        );
      } catch (error) {
        log('warn', 'dns-challenge.not-removed', { name: one.name, error: toRhumbError(error).message });
        kept.set(one, { ...one, until: now + REMOVE_AGAIN_MS });
      }
    if (this.#closing.signal.aborted) return;
    const left = this.#published.flatMap((one) => {
      const again = kept.get(one);
      return again !== undefined ? [again] : one.until <= now ? [] : [one];
    });
    await this.#save(left).catch((error: unknown) =>
      log('error', 'dns-challenge.not-written', { error: toRhumbError(error).message }),
    );
    this.#schedule();
  }
}

/** Runs `work` with a signal that is aborted after `ms` or when the server ends. */
async function within<T>(
  clock: Clock,
  ms: number,
  closing: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const cancel = clock.after(ms, () => late.abort(new RhumbError('timeout', 'it took too long')));
  try {
    return await work(AbortSignal.any([late.signal, closing]));
  } finally {
    cancel();
  }
}
