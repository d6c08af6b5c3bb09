/** What is said of a device's latency. */
import { expect, test } from 'vitest';
import { NO_DEVICE } from '#shared/ui-state/empty.ts';
import { latencyOf } from './devices.ts';

const NOW = 1_000_000;
const MINUTE = 60_000;
const told = { ...NO_DEVICE, path: { ...NO_DEVICE.path, latencyMs: 4 } };

test.each([
  { name: 'nothing', device: NO_DEVICE, measured: undefined, want: undefined },
  { name: 'what the daemon sees', device: told, measured: undefined, want: { ms: 4, ageMs: 0 } },
  {
    name: 'what was just measured',
    device: told,
    measured: { latencyMs: 9, atMs: NOW - 1_000 },
    want: { ms: 9, ageMs: 1_000 },
  },
  {
    name: 'the path in use rather than an old measurement',
    device: told,
    measured: { latencyMs: 9, atMs: NOW - 5 * MINUTE },
    want: { ms: 4, ageMs: 0 },
  },
  {
    name: 'an old measurement rather than nothing, with its age',
    device: NO_DEVICE,
    measured: { latencyMs: 9, atMs: NOW - 5 * MINUTE },
    want: { ms: 9, ageMs: 5 * MINUTE },
  },
  {
    name: 'nothing of a ping without an answer',
    device: NO_DEVICE,
    measured: { latencyMs: undefined, atMs: NOW },
    want: undefined,
  },
])('latency is $name', ({ device, measured, want }) => {
  expect(latencyOf(device, measured, NOW)).toEqual(want);
});
