/** The parent's side of the simulated machines: several processes, each with its share of them. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { RhumbError } from '#shared/errors.ts';
import type { Order, Report } from './control-scale-clients.ts';
import type { MachinePlan, Wanted } from './control-scale-machine.ts';

const PROCESSES = 4;
const ANSWER_MS = 600_000;

interface Worker {
  readonly child: ChildProcess;
  /** Which of all machines are there, in order. */
  readonly members: readonly number[];
  readonly ask: (order: Order) => Promise<Report>;
}

export interface SwarmState {
  /** Of each machine on the server. */
  readonly ids: readonly number[];
  readonly messages: number;
  readonly bytes: number;
}

export class Swarm implements Disposable {
  readonly #workers: readonly Worker[];
  readonly #plans: readonly MachinePlan[];

  constructor(plans: readonly MachinePlan[], signal: AbortSignal) {
    this.#plans = plans;
    this.#workers = Array.from({ length: PROCESSES }, (_, at) =>
      startWorker(
        plans.map((_plan, index) => index).filter((index) => index % PROCESSES === at),
        signal,
      ),
    );
  }

  [Symbol.dispose](): void {
    for (const { child } of this.#workers) child.kill('SIGKILL');
  }

  /** Lets every machine join at once; resolves when all have asked for their map. */
  async join(server: string): Promise<void> {
    await Promise.all(
      this.#workers.map(({ ask, members }) =>
        ask({ kind: 'join', server, plans: members.flatMap((index) => this.#plans[index] ?? []) }),
      ),
    );
  }

  /** Resolves with the moments at which each came to know what it is wanted to. */
  async watch(wanted: readonly (Wanted | undefined)[]): Promise<readonly number[]> {
    return this.#watched((members) => ({ kind: 'watch', wanted: members.map((index) => wanted[index]) }));
  }

  /** The same for all machines that have the peer. */
  async watchViewers(peer: number, wanted: Wanted): Promise<readonly number[]> {
    return this.#watched(() => ({ kind: 'watch-viewers', peer, wanted }));
  }

  async leave(index: number): Promise<void> {
    await this.#askOwner(index, (at) => ({ kind: 'leave', index: at }));
  }

  /** Follows its map again; the result is when it asked for it. */
  async return(index: number): Promise<number> {
    const report = await this.#askOwner(index, (at) => ({ kind: 'return', index: at }));
    return report.kind === 'returned' ? report.askedAt : unexpected(report);
  }

  async state(): Promise<SwarmState> {
    const ids: number[] = [];
    let messages = 0;
    let bytes = 0;
    for (const { ask, members } of this.#workers) {
      const report = await ask({ kind: 'state' });
      if (report.kind !== 'state') return unexpected(report);
      for (const [at, index] of members.entries()) ids[index] = report.ids[at] ?? 0;
      messages += report.messages;
      bytes += report.bytes;
    }
    return { ids, messages, bytes };
  }

  async #watched(orderFor: (members: readonly number[]) => Order): Promise<readonly number[]> {
    const reports = await Promise.all(this.#workers.map(({ ask, members }) => ask(orderFor(members))));
    return reports.flatMap((report) => (report.kind === 'watched' ? report.at : unexpected(report)));
  }

  #askOwner(index: number, orderFor: (at: number) => Order): Promise<Report> {
    const worker = this.#workers[index % PROCESSES];
    if (worker === undefined) throw new RhumbError('internal', `nobody has machine ${index}`);
    return worker.ask(orderFor(worker.members.indexOf(index)));
  }
}

function unexpected(report: Report): never {
  throw new RhumbError('internal', `the simulated machines answered ${report.kind}`);
}

function startWorker(members: readonly number[], signal: AbortSignal): Worker {
  const child = fork(join(import.meta.dirname, 'control-scale-clients.ts'), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, PromiseWithResolvers<Report>>();
  const failAll = (why: string): void => {
    for (const { reject } of waiting.values()) reject(new RhumbError('unavailable', why));
    waiting.clear();
  };
  child.on('message', ({ token, report }: { token: number; report: Report }) => {
    const waiter = waiting.get(token);
    waiting.delete(token);
    if (report.kind === 'failed') waiter?.reject(new RhumbError('unavailable', report.why));
    else waiter?.resolve(report);
  });
  child.once('exit', () => failAll('a process of simulated machines ended'));
  signal.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
  let token = 0;
  const ask = async (order: Order): Promise<Report> => {
    token += 1;
    const waiter = Promise.withResolvers<Report>();
    waiting.set(token, waiter);
    const limit = AbortSignal.timeout(ANSWER_MS);
    limit.addEventListener('abort', () =>
      waiter.reject(new RhumbError('timeout', `the simulated machines took too long to ${order.kind}`)),
    );
    child.send({ token, order });
    return waiter.promise;
  };
  return { child, members, ask };
}
