/** Test projects: unit (pure and in-process), renderer (components in a simulated page), arch (the tree itself), e2e (real processes, some as root), slow (over a minute). */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
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
          fileParallelism: false,
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
