/** Live updates to open consoles as server-sent events: gathered for a moment, bounded, and never a secret in them. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '#shared/async/clock.ts';
import type { LiveEvent } from '#shared/console/live.ts';
import type { PendingMachines } from '../auth/pending.ts';
import type { Network } from '../state/network.ts';
import { addAudit, addChanges, addTopic, eventOf, type Gathered, NOTHING } from './topics.ts';

export interface EventDeps {
  readonly network: Network;
  readonly pending: PendingMachines;
  readonly clock: Clock;
}

/** Whose screen it is, asked again at every beat: a session that ended gets nothing more. */
export interface Watcher {
  /** Undefined when its session is over. */
  readonly userNow: () => { readonly id: number; readonly seesAll: boolean } | undefined;
}

/** A burst of changes is one event. */
const GATHER_MS = 250;
/** Below the idle limits of common proxies (60 s), and how long an ended session may still listen. */
const BEAT_MS = 20_000;
const MAX_STREAMS = 500;
const MAX_PER_USER = 20;
/** What waits for a reader that does not read; beyond it the stream is cut, and the browser comes back. */
const MAX_WAITING = 256 * 1_024;

interface Stream {
  readonly response: ServerResponse;
  readonly watcher: Watcher;
  readonly userId: number;
}

export class Events implements Disposable {
  readonly #deps: EventDeps;
  readonly #streams = new Set<Stream>();
  readonly #unsubscribe: readonly (() => void)[];
  #gathered: Gathered = NOTHING;
  #cancelGather: (() => void) | undefined;
  #cancelBeat: (() => void) | undefined;

  constructor(deps: EventDeps) {
    this.#deps = deps;
    const { network, pending } = deps;
    this.#unsubscribe = [
      network.subscribe((changes) => this.#gather((before) => addChanges(before, changes))),
      network.subscribeAudit((entries) => this.#gather((before) => addAudit(before, entries))),
      pending.subscribe(() => this.#gather((before) => addTopic(before, 'pending'))),
    ];
  }

  get count(): number {
    return this.#streams.size;
  }

  /** False when there are too many already; then nothing was answered. */
  open(response: ServerResponse, watcher: Watcher): boolean {
    const user = watcher.userNow();
    const own = [...this.#streams].filter(({ userId }) => userId === user?.id).length;
    if (user === undefined || this.#streams.size >= MAX_STREAMS || own >= MAX_PER_USER) return false;
    const stream = { response, watcher, userId: user.id };
    this.#streams.add(stream);
    response.on('close', () => this.#drop(stream));
    response.on('error', () => this.#drop(stream));
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      // nginx would otherwise keep events back until there are enough of them.
      'x-accel-buffering': 'no',
    });
    response.write(': welcome\n\n');
    this.#cancelBeat ??= this.#deps.clock.after(BEAT_MS, () => this.#beat());
    return true;
  }

  [Symbol.dispose](): void {
    for (const end of this.#unsubscribe) end();
    this.#cancelGather?.();
    this.#cancelBeat?.();
    for (const stream of [...this.#streams]) this.#drop(stream);
  }

  #gather(add: (before: Gathered) => Gathered): void {
    if (this.#streams.size === 0) return;
    this.#gathered = add(this.#gathered);
    this.#cancelGather ??= this.#deps.clock.after(GATHER_MS, () => this.#tell());
  }

  #tell(): void {
    this.#cancelGather = undefined;
    const event = eventOf(this.#gathered);
    this.#gathered = NOTHING;
    for (const stream of [...this.#streams]) {
      const user = stream.watcher.userNow();
      if (user === undefined) this.#drop(stream);
      else this.#write(stream, `event: change\ndata: ${JSON.stringify(this.#partFor(event, user))}\n\n`);
    }
  }

  /** Who sees only what is their own learns no numbers of other people's machines. */
  #partFor(event: LiveEvent, user: { readonly id: number; readonly seesAll: boolean }): LiveEvent {
    if (user.seesAll || event.nodes === null) return event;
    const { network } = this.#deps;
    return { ...event, nodes: event.nodes.filter((id) => network.node(id)?.record.userId === user.id) };
  }

  #beat(): void {
    this.#cancelBeat = undefined;
    for (const stream of [...this.#streams])
      if (stream.watcher.userNow() === undefined) this.#drop(stream);
      else this.#write(stream, ': beat\n\n');
    if (this.#streams.size > 0) this.#cancelBeat = this.#deps.clock.after(BEAT_MS, () => this.#beat());
  }

  #write(stream: Stream, text: string): void {
    if (stream.response.writableLength > MAX_WAITING) this.#drop(stream);
    else stream.response.write(text);
  }

  #drop(stream: Stream): void {
    if (!this.#streams.delete(stream)) return;
    stream.response.destroy();
  }
}
