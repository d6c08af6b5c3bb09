/** A process full of simulated machines, told by its parent what to do: join, leave, come back, watch. */
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import { fetchControlKey } from '#shared/node/control-key.ts';
import { eachOf } from '../e2e/lab/wait.ts';
import { Machine, type MachinePlan, type Wanted } from './control-scale-machine.ts';

export type Order =
  | { readonly kind: 'join'; readonly server: string; readonly plans: readonly MachinePlan[] }
  /** Per machine, in the order of the plans; undefined where it need not be watched. */
  | { readonly kind: 'watch'; readonly wanted: readonly (Wanted | undefined)[] }
  /** Whoever has that peer. */
  | { readonly kind: 'watch-viewers'; readonly peer: number; readonly wanted: Wanted }
  | { readonly kind: 'leave'; readonly index: number }
  | { readonly kind: 'return'; readonly index: number }
  | { readonly kind: 'state' };

export type Report =
  | { readonly kind: 'done' }
  /** When each machine came to know, of the monotonic clock that all processes share. */
  | { readonly kind: 'watched'; readonly at: readonly number[] }
  | { readonly kind: 'returned'; readonly askedAt: number }
  | {
      readonly kind: 'state';
      readonly ids: readonly number[];
      readonly messages: number;
      readonly bytes: number;
    }
  | { readonly kind: 'failed'; readonly why: string };

/** Handshakes under way at once in one process. */
const OPENING = 16;

const machines: Machine[] = [];

process.on('message', ({ token, order }: { token: number; order: Order }) => {
  carryOut(order).then(
    (report) => process.send?.({ token, report }),
    (error: unknown) =>
      process.send?.({
        token,
        report: { kind: 'failed', why: toRhumbError(error).message } satisfies Report,
      }),
  );
});

async function carryOut(order: Order): Promise<Report> {
  switch (order.kind) {
    case 'join':
      await join(order.server, order.plans);
      return { kind: 'done' };
    case 'watch': {
      const waits = order.wanted.flatMap((wanted, index) =>
        wanted === undefined ? [] : [machineAt(index).until(wanted)],
      );
      return { kind: 'watched', at: await Promise.all(waits) };
    }
    case 'watch-viewers': {
      const viewers = machines.filter((one) => one.isUp && one.sees(order.peer));
      return { kind: 'watched', at: await Promise.all(viewers.map((one) => one.until(order.wanted))) };
    }
    case 'leave':
      await machineAt(order.index).leave();
      return { kind: 'done' };
    case 'return':
      return { kind: 'returned', askedAt: await machineAt(order.index).follow() };
    case 'state':
      return {
        kind: 'state',
        ids: machines.map(({ id }) => id),
        messages: machines.reduce((sum, { received }) => sum + received.messages, 0),
        bytes: machines.reduce((sum, { received }) => sum + received.bytes, 0),
      };
    default:
      return order satisfies never;
  }
}

async function join(server: string, plans: readonly MachinePlan[]): Promise<void> {
  const url = new URL(server);
  const controlKey = await fetchControlKey(url, AbortSignal.timeout(10_000));
  machines.push(...plans.map((plan) => new Machine(url, controlKey, plan)));
  await eachOf(machines, OPENING, async (machine) => {
    await machine.register();
    await machine.follow();
  });
}

function machineAt(index: number): Machine {
  const machine = machines[index];
  if (machine === undefined) throw new RhumbError('internal', `there is no machine ${index}`);
  return machine;
}
