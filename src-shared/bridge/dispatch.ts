/** Runs one call of a page: known name, rights, argument, time limit, result; never throws (desktop.md §9.4). */
import type { Clock } from '../async/clock.ts';
import { within } from '../async/within.ts';
import { RhumbError } from '../errors.ts';
import type { Rights } from '../ui-state/types.ts';
import {
  type Call,
  type CallName,
  calls,
  type EventName,
  type ParsedArg,
  type ResultOf,
  type ValueOf,
} from './contract.ts';
import { type BridgeCode, CODES, type Reply } from './values.ts';

/** Who calls: a window, or a browser. */
export interface Caller {
  readonly id: string;
  /** Asked anew for each call: rights may be granted or taken while the page is open. */
  readonly rights: Rights;
  /** How much of the network he is shown; undefined = all. */
  readonly sees?: 'network' | 'device';
  /** Calls that are not for him, unless he manages. */
  readonly refuses?: ReadonlySet<CallName>;
  /** Aborts when the window or the connection closes. */
  readonly signal: AbortSignal;
  /** Tells this caller alone. */
  emit<K extends EventName>(name: K, value: ValueOf<K>): void;
}

/** What a handler is given besides its argument. */
export interface CallContext {
  readonly caller: Caller;
  /** Aborts when the call's time is over, and with the caller unless the call lasts. */
  readonly signal: AbortSignal;
}

export type Handlers<K extends CallName = CallName> = {
  readonly [N in K]: (arg: ParsedArg<N>, context: CallContext) => Promise<ResultOf<N>> | ResultOf<N>;
};

const DEFAULT_TIMEOUT_MS = 10_000;
/** Per caller and second. */
const MAX_RATE = 50;
const MAX_MESSAGE = 8_192;

/** Told of what can only be a mistake of ours, with the call in which it came to light. */
export type OnFault = (call: string, error: unknown) => void;

export class Dispatcher {
  readonly #handlers: Partial<Handlers>;
  readonly #clock: Clock;
  readonly #onFault: OnFault;
  /** Calls of this second by caller: several pages of one visitor have one budget. */
  readonly #spent = new Map<string, number>();
  #second = -1;

  /** Names without a handler are what this host can't do. */
  constructor(handlers: Partial<Handlers>, clock: Clock, onFault: OnFault = () => undefined) {
    this.#handlers = handlers;
    this.#clock = clock;
    this.#onFault = onFault;
  }

  async run(name: unknown, arg: unknown, caller: Caller): Promise<Reply> {
    const ended = new AbortController();
    let cancel = (): void => undefined;
    try {
      this.#count(caller, 1);
      const [known, row] = find(name);
      const handler = this.#handlers[known] as ((arg: unknown, context: CallContext) => unknown) | undefined;
      if (handler === undefined) throw new RhumbError('unavailable', `${known} is not possible here`);
      if (row.access === 'manage' && caller.rights !== 'manage')
        throw new RhumbError('not-allowed', `${known} needs the right to manage this device`);
      if (caller.refuses?.has(known) === true && caller.rights !== 'manage')
        throw new RhumbError('not-allowed', `${known} is for who is at this device, or manages it`);
      // What is refused costs us no more than any other call.
      this.#count(caller, (row.cost ?? 1) - 1);
      const parsed = row.arg.safeParse(arg);
      if (!parsed.success)
        throw new RhumbError('bad-argument', `${known}: ${parsed.error.issues[0]?.message ?? 'malformed'}`);
      const signal = row.lasts === true ? ended.signal : AbortSignal.any([caller.signal, ended.signal]);
      const timeout = row.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      cancel = this.#clock.after(timeout, () =>
        ended.abort(new RhumbError('timeout', `${known} took longer than ${timeout / 1_000} s`)),
      );
      signal.throwIfAborted();
      const work = (async () => handler(parsed.data, { caller, signal }))();
      const value = await within(work, signal);
      return { ok: true, value: row.result.parse(value) };
    } catch (error) {
      if (caller.signal.aborted) return { ok: false, code: 'cancelled', message: 'the page is gone' };
      if (!(error instanceof RhumbError)) this.#onFault(typeof name === 'string' ? name : '', error);
      return failed(error);
    } finally {
      cancel();
      // Whatever the handler still has under way ends with its call.
      ended.abort(new RhumbError('unavailable', 'the call is over'));
    }
  }

  #count({ id }: Caller, cost: number): void {
    const second = Math.floor(this.#clock.monotonic() / 1_000);
    if (second !== this.#second) this.#spent.clear();
    this.#second = second;
    const spent = (this.#spent.get(id) ?? 0) + cost;
    this.#spent.set(id, spent);
    if (spent > MAX_RATE) throw new RhumbError('unavailable', 'too many calls; slow down');
  }
}

function find(name: unknown): [CallName, Call] {
  if (typeof name !== 'string' || !Object.hasOwn(calls, name))
    throw new RhumbError('bad-argument', 'there is no such call');
  const known = name as CallName;
  return [known, calls[known]];
}

/** The words of a mistake of ours may name files and code; a page has no use for them. */
function failed(error: unknown): Reply {
  if (!(error instanceof RhumbError))
    return { ok: false, code: 'internal', message: 'something went wrong; the log says more' };
  const isKnown = (CODES as readonly string[]).includes(error.code);
  return {
    ok: false,
    code: isKnown ? (error.code as BridgeCode) : 'internal',
    message: error.message.slice(0, MAX_MESSAGE),
  };
}
