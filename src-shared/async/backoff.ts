/** The quadratic backoff of the control protocol (control-protocol.md §3.9). */
import type { Random } from './clock.ts';

const STEP_MS = 10;
const CAP_MS = 30_000;

/** Wait before attempt `n` (0 = none): n² × 10 ms, at most 30 s, times a factor in [0.5, 1.5). */
export function backoffMs(attempt: number, random: Random): number {
  return Math.min(CAP_MS, attempt * attempt * STEP_MS) * (0.5 + random());
}
