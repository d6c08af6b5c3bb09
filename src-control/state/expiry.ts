/** Watches for keys and attributes that end while the server runs, so that whoever rests on them hears of it at that moment. */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import type { NodeRecord } from '../store/records.ts';
import { nodeChange, What } from './changes.ts';
import type { Network } from './network.ts';

/** A step of the wall clock, by a correction or after a sleep, is noticed within this time (coordination-server.md §5). */
const LONGEST_SLEEP_MS = 5_000;
/** Corrections by less than this are everyday business of a clock that is kept right. */
const STEP_BACK_MS = 2_000;

interface Due {
  readonly at: number;
  readonly id: number;
}

/** Starts watching; the returned function ends it. */
export function watchExpiry(network: Network, clock: Clock, log: Log): () => void {
  const heap = new DueHeap();
  /** What is in the heap: a machine that changes every minute for half a year must not be there as often. */
  const noted = new Set<string>();
  let cancelTimer: (() => void) | undefined;
  let lastLook = clock.now();
  const note = (id: number): void => {
    const record = network.node(id)?.record;
    const now = clock.now();
    for (const at of record === undefined ? [] : endsOf(record)) {
      const due = { at, id };
      if (at <= now || noted.has(nameOf(due))) continue;
      noted.add(nameOf(due));
      heap.push(due);
    }
  };
  const arm = (): void => {
    cancelTimer?.();
    const next = heap.peek();
    const left = next === undefined ? LONGEST_SLEEP_MS : Math.max(0, next.at - clock.now());
    cancelTimer = clock.after(Math.min(LONGEST_SLEEP_MS, left), fire);
  };
  /** What had ended by a clock that was fast has not: it holds again, and will end later. */
  const noticeStepBack = (now: number): void => {
    if (now < lastLook - STEP_BACK_MS) {
      log('warn', 'expiry.clock-went-back', { byMs: lastLook - now });
      const isBack = (at: number | undefined): boolean => at !== undefined && at > now && at <= lastLook;
      const records = [...network.nodes()].map(({ record }) => record);
      network.announce([
        ...records.filter(({ expiry }) => isBack(expiry)).map(({ id }) => nodeChange(id, What.Whole)),
        ...records
          .filter(({ attributes }) => Object.values(attributes).some(({ expiresAt }) => isBack(expiresAt)))
          .map(({ id }) => nodeChange(id, What.Tags)),
      ]);
    }
    lastLook = now;
  };
  const end = (record: NodeRecord, at: number): void => {
    // Renewed or shortened since: then another entry stands for it.
    if (record.expiry === at) {
      log('info', 'node.expired', { node: record.id });
      network.announce([nodeChange(record.id, What.Whole)]);
    }
    if (Object.values(record.attributes).some(({ expiresAt }) => expiresAt === at))
      network.announce([nodeChange(record.id, What.Tags)]);
  };
  const fire = (): void => {
    noticeStepBack(clock.now());
    for (let due = heap.peek(); due !== undefined && due.at <= clock.now(); due = heap.peek()) {
      heap.pop();
      noted.delete(nameOf(due));
      const record = network.node(due.id)?.record;
      if (record !== undefined) end(record, due.at);
    }
    arm();
  };
  for (const { record } of network.nodes()) note(record.id);
  arm();
  const unsubscribe = network.subscribe((changes) => {
    let isNew = false;
    for (const change of changes)
      if (change.kind === 'node' && change.what & (What.Whole | What.Key | What.Expiry | What.Tags)) {
        note(change.id);
        isNew = true;
      }
    if (isNew) arm();
  });
  return () => {
    unsubscribe();
    cancelTimer?.();
  };
}

const nameOf = ({ at, id }: Due): string => `${id} ${at}`;

const endsOf = ({ expiry, attributes }: NodeRecord): readonly number[] =>
  [expiry, ...Object.values(attributes).map(({ expiresAt }) => expiresAt)].filter((at) => at !== undefined);

/** A binary heap by time; entries that no longer hold are recognised when they come up. */
class DueHeap {
  readonly #items: Due[] = [];

  peek(): Due | undefined {
    return this.#items[0];
  }

  push(item: Due): void {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((items[parent] as Due).at <= item.at) break;
      items[at] = items[parent] as Due;
      at = parent;
    }
    items[at] = item;
  }

  pop(): void {
    const items = this.#items;
    const last = items.pop();
    if (last === undefined || items.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && (items[child + 1] as Due).at < (items[child] as Due).at) child += 1;
      if ((items[child] as Due).at >= last.at) break;
      items[at] = items[child] as Due;
      at = child;
    }
    items[at] = last;
  }
}
