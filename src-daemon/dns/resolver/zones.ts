/** Which part of the names belongs to whom: the longest suffix decides. */
import type { Upstream } from '../types.ts';
import { type Attempt, attemptsFor } from './attempts.ts';
import { upwards } from './names.ts';

export interface Zone {
  readonly suffix: string;
  /** Nobody else is asked: what we don't know there does not exist. */
  readonly isOurs: boolean;
  readonly upstreams: readonly Upstream[];
  readonly attempts: readonly Attempt[];
}

export interface ZoneSources {
  readonly authoritative: readonly string[];
  readonly routes: ReadonlyMap<string, readonly Upstream[]>;
  readonly defaults: readonly Upstream[];
}

export class Zones {
  readonly #bySuffix = new Map<string, Zone>();

  constructor({ authoritative, routes, defaults }: ZoneSources) {
    const forwarded = (suffix: string, upstreams: readonly Upstream[]): void => {
      this.#bySuffix.set(suffix, { suffix, isOurs: false, upstreams, attempts: attemptsFor(upstreams) });
    };
    if (defaults.length > 0) forwarded('', defaults);
    for (const [suffix, upstreams] of routes) forwarded(suffix, upstreams);
    for (const suffix of authoritative)
      this.#bySuffix.set(suffix, { suffix, isOurs: true, upstreams: [], attempts: [] });
  }

  zoneOf(name: string): Zone | undefined {
    for (const suffix of upwards(name)) {
      const zone = this.#bySuffix.get(suffix);
      if (zone !== undefined) return zone;
    }
    return this.#bySuffix.get('');
  }
}
