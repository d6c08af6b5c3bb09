/** Choices of a seeded generator, for random worlds and fault schedules. */
import type { Random } from '#shared/async/clock.ts';

export interface Dice {
  readonly random: Random;
  chance(probability: number): boolean;
  /** Whole, both ends included. */
  int(low: number, high: number): number;
  real(low: number, high: number): number;
  pick<T>(list: readonly T[]): T;
  /** By weight. */
  choose<T extends string>(weights: Readonly<Record<T, number>>): T;
}

export function dice(random: Random): Dice {
  const int = (low: number, high: number): number => low + Math.floor(random() * (high - low + 1));
  return {
    random,
    chance: (probability) => random() < probability,
    int,
    real: (low, high) => low + random() * (high - low),
    pick: (list) => {
      const one = list[int(0, list.length - 1)];
      if (one === undefined) throw new RangeError('nothing to pick from');
      return one;
    },
    choose: (weights) => {
      const entries = Object.entries(weights) as [keyof typeof weights, number][];
      let at = random() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [name, weight] of entries) {
        at -= weight;
        if (at < 0) return name;
      }
      throw new RangeError('nothing to choose from');
    },
  };
}
