/** Checks of the network around this device, as many as were made since the page is open; oldest first. */
import { create } from 'zustand';
import type { NetcheckReport } from '#shared/bridge/contract.ts';

const MOST_RUNS = 24;
/** A report that is older says little of the network as it is now. */
export const FRESH_MS = 300_000;

export const useRuns = create<readonly NetcheckReport[]>(() => []);

export const remember = (report: NetcheckReport): void =>
  useRuns.setState([...useRuns.getState(), report].slice(-MOST_RUNS), true);

export const lastRun = (runs: readonly NetcheckReport[]): NetcheckReport | undefined => runs.at(-1);
