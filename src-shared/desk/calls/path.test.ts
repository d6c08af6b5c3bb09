/** How a device is reached: in the words of a rhumbd, which knows what it tried, and of others, which don't say. */
import { expect, test } from 'vitest';
import type { Caller } from '../../bridge/dispatch.ts';
import { RhumbError } from '../../errors.ts';
import { NO_DEVICE, NO_SNAPSHOT } from '../../ui-state/empty.ts';
import { FakeApi } from '../testing/fake-api.ts';
import { pathCalls } from './path.ts';

const IP = '100.64.0.2';
const CANDIDATES = ['192.0.2.1:1', '192.0.2.2:2'];
const NOBODY: Caller = {
  id: 'page',
  rights: 'readonly',
  signal: new AbortController().signal,
  emit: () => undefined,
};

function explain(answers: Readonly<Record<string, unknown>>, id = 'n1') {
  const api = new FakeApi();
  for (const [path, value] of Object.entries(answers)) api.answers.set(path, value);
  const path = { ...NO_DEVICE.path, kind: 'direct', via: CANDIDATES[0] ?? '' } as const;
  const device = { ...NO_DEVICE, id: 'n1', addresses: [IP], candidates: CANDIDATES, path };
  const desk = { snapshot: { ...NO_SNAPSHOT, devices: { n1: device } } };
  const calls = pathCalls({ api, desk });
  return calls['path.explain']({ id }, { caller: NOBODY, signal: NOBODY.signal });
}

const CHANGES = `debug-peer-endpoint-changes?ip=${IP}`;

test('a rhumbd says what became of each address', async () => {
  const asked = '2026-01-01T00:00:10Z';
  const found = await explain({
    'rhumb/path?device=n1': {
      Tried: [
        { Endpoint: '192.0.2.1:1', InUse: true, Asked: asked, Answered: asked, LatencySeconds: 0.002 },
        { Endpoint: '192.0.2.2:2', Asked: asked, Answered: asked, LatencySeconds: 0.004 },
        { Endpoint: '192.0.2.3:3', Asked: asked, Answered: '2026-01-01T00:00:00Z', LatencySeconds: 0.004 },
        { Endpoint: '192.0.2.4:4', Asked: asked },
        { Endpoint: '192.0.2.5:5' },
      ],
    },
  });
  const atMs = Date.parse(asked);
  expect(found.tried).toEqual([
    { endpoint: '192.0.2.1:1', result: 'used', atMs, latencyMs: 2 },
    { endpoint: '192.0.2.2:2', result: 'answered', atMs, latencyMs: 4 },
    { endpoint: '192.0.2.3:3', result: 'silent', atMs, latencyMs: null },
    { endpoint: '192.0.2.4:4', result: 'silent', atMs, latencyMs: null },
    { endpoint: '192.0.2.5:5', result: 'known', atMs: null, latencyMs: null },
  ]);
});

test('of another daemon is known where the device may be, and which address is in use', async () => {
  expect((await explain({})).tried).toEqual([
    { endpoint: '192.0.2.1:1', result: 'used', atMs: null, latencyMs: null },
    { endpoint: '192.0.2.2:2', result: 'known', atMs: null, latencyMs: null },
  ]);
});

test('the history has the ways that were taken; events without them are none', async () => {
  const When = '2026-01-01T00:00:00Z';
  const found = await explain({
    [CHANGES]: [
      { When, What: 'updateFromNode-resetLocked' },
      { When, What: 'handlePong-bestAddr', From: {}, To: {} },
      { When, What: 'path', From: 'relay 1', To: 'direct 192.0.2.1:1' },
    ],
  });
  expect(found.history).toEqual([{ atMs: Date.parse(When), from: 'relay 1', to: 'direct 192.0.2.1:1' }]);
  expect((await explain({ [CHANGES]: null })).history).toEqual([]);
});

test('a device that is gone is not found, and nonsense is told as such', async () => {
  await expect(explain({}, '__proto__')).rejects.toThrow(RhumbError);
  await expect(explain({ [CHANGES]: 'x' })).rejects.toThrow(/malformed/);
  await expect(explain({ 'rhumb/path?device=n1': { Tried: 7 } })).rejects.toThrow(/malformed/);
});
