/** When a delivery is tried again, and when a webhook that never takes anything is given up; no I/O. */
import type { DeliveryRecord } from '../store/records.ts';
import type { Outcome } from './send.ts';

const FIRST_RETRY_MS = 10_000;
const LONGEST_WAIT_MS = 3_600_000;
/** From the event on (coordination-server.md §16.2). */
export const TRY_FOR_MS = 24 * 3_600_000;
/** Deliveries on record of one webhook; the oldest that are over go. */
export const KEPT = 100;
/** So many given up in a row, over more than a day, is nobody there. */
const GIVEN_UP_LIMIT = 10;

/** The delivery after an attempt. */
export function afterAttempt(
  delivery: DeliveryRecord,
  outcome: Outcome,
  nowMs: number,
  jitter: number,
): DeliveryRecord {
  const attempts = delivery.attempts + 1;
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_RETRY_MS * 2 ** (attempts - 1)) * (0.75 + jitter / 2);
  const isTaken = outcome.problem === undefined;
  const isOver = isTaken || nowMs + wait > delivery.createdAt + TRY_FOR_MS;
  return {
    ...delivery,
    attempts,
    nextAt: isOver ? undefined : nowMs + Math.round(wait),
    deliveredAt: isTaken ? nowMs : undefined,
    status: outcome.status,
    problem: outcome.problem,
  };
}

/** `deliveries` are those of one webhook, oldest first. */
export function isHopeless(deliveries: readonly DeliveryRecord[]): boolean {
  const over = deliveries.filter((one) => one.nextAt === undefined).slice(-GIVEN_UP_LIMIT);
  return over.length === GIVEN_UP_LIMIT && over.every((one) => one.deliveredAt === undefined);
}

/** What is no longer kept. */
export function surplus(deliveries: readonly DeliveryRecord[]): readonly DeliveryRecord[] {
  const over = deliveries.filter((one) => one.nextAt === undefined);
  const many = deliveries.length - KEPT;
  return many <= 0 ? [] : over.slice(0, many);
}
