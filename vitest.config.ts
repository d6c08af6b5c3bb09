/** Test projects: unit (pure and in-process), renderer (components in a simulated page), arch (the tree itself), e2e (real processes, some as root), slow (over a minute). */
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const LONGEST = 'e2e/lab/scenarios.test.ts';

/** Vitest knows how long files take only from the last run; in a fresh clone the longest would begin last. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => (moduleId.endsWith(LONGEST) ? 0 : 1);
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src-*/**/*.test.ts'],
          exclude: ['src-renderer/**'],
          pool: 'threads',
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'renderer',
          include: ['src-renderer/**/*.test.{ts,tsx}'],
          environment: 'happy-dom',
          pool: 'threads',
          testTimeout: 20_000,
        },
      },
      { test: { name: 'arch', include: ['tools/**/*.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          // Each has machines of its own, and most of them wait most of the time.
          maxWorkers: 2,
          testTimeout: 240_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'slow',
          include: ['e2e/**/*.slow.ts', 'src-daemon/testing/**/*.slow.ts'],
          fileParallelism: false,
          testTimeout: 1_200_000,
        },
      },
    ],
  },
});
