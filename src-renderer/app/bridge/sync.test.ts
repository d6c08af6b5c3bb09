/** The store follows the host: snapshot, patches in order, a new snapshot after a gap, the line when it is lost. */
import { beforeEach, describe, expect, test } from 'vitest';
import { NO_SNAPSHOT } from '#shared/ui-state/empty.ts';
import { uiOf, useApp } from '../store/store.ts';
import { device, snapshot } from '../testing/build.ts';
import { fakeBridge } from '../testing/fake-bridge.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import type { Line } from './host.ts';
import { sync } from './sync.ts';

function followed() {
  const clock = fakeClock();
  const bridge = fakeBridge({ 'state.get': () => ({ seq: 1, snapshot: snapshot() }) });
  let tellLine: (line: Line) => void = () => undefined;
  const went: string[] = [];
  let isShown = true;
  let tellShown: () => void = () => undefined;
  const setShown = (value: boolean): void => {
    isShown = value;
    tellShown();
  };
  const stop = sync(
    {
      bridge,
      onLine: (listener) => {
        tellLine = listener;
        return () => undefined;
      },
    },
    {
      ...clock,
      isShown: () => isShown,
      onShownChange: (listener) => {
        tellShown = listener;
        return () => undefined;
      },
      navigate: (path) => went.push(path),
    },
  );
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { clock, bridge, went, stop, settle, setShown, line: (line: Line) => tellLine(line) };
}

const names = (): string[] => Object.values(useApp.getState().snapshot.devices).map(({ name }) => name);
const stateGets = ({ bridge }: ReturnType<typeof followed>): number =>
  bridge.asked.filter(({ name }) => name === 'state.get').length;

beforeEach(() => useApp.setState({ confirmed: NO_SNAPSHOT, snapshot: NO_SNAPSHOT, wish: undefined }));

describe('a host that is there', () => {
  test('is asked for everything once, then its patches are applied', async () => {
    const it = followed();
    it.line({ kind: 'open' });
    await it.settle();
    const nas = device({ name: 'nas' });
    it.bridge.tell('patch', { seq: 2, patch: { devices: { [nas.id]: nas } } });
    expect(names()).toEqual(['nas']);
    expect(stateGets(it)).toBe(1);
  });
  test('is asked again when a patch is missing', async () => {
    const it = followed();
    it.line({ kind: 'open' });
    await it.settle();
    it.bridge.answers['state.get'] = () => ({
      seq: 9,
      snapshot: snapshot({ devices: [device({ name: 'new' })] }),
    });
    it.bridge.tell('patch', { seq: 4, patch: { top: { state: 'Stopped' } } });
    await it.settle();
    expect(names()).toEqual(['new']);
    expect(stateGets(it)).toBe(2);
  });
  test('may say the same twice', async () => {
    const it = followed();
    it.line({ kind: 'open' });
    await it.settle();
    it.bridge.tell('patch', { seq: 1, patch: { top: { state: 'Stopped' } } });
    expect(useApp.getState().snapshot.state).toBe('Running');
    expect(stateGets(it)).toBe(1);
  });
  test('may show a page', () => {
    const it = followed();
    it.bridge.tell('navigate', '/devices/nas');
    expect(it.went).toEqual(['/devices/nas']);
  });
});

describe('a line that is lost', () => {
  test('counts as reconnecting for a moment, then as a daemon that is gone', async () => {
    const it = followed();
    it.line({ kind: 'open' });
    await it.settle();
    it.line({ kind: 'lost', sinceMs: it.clock.now() });
    expect(uiOf(useApp.getState())).toBe('reconnecting');
    it.clock.pass(2_000);
    expect(uiOf(useApp.getState())).toBe('daemon-stopped');
  });
  test('that comes back is asked for everything', async () => {
    const it = followed();
    it.line({ kind: 'open' });
    await it.settle();
    it.line({ kind: 'lost', sinceMs: it.clock.now() });
    it.line({ kind: 'open' });
    await it.settle();
    expect(uiOf(useApp.getState())).toBe('on');
  });
});

test('a page that nobody sees sets no timers, and is up to date when it is shown again', async () => {
  const it = followed();
  it.line({ kind: 'open' });
  await it.settle();
  expect(it.clock.waiting()).toBe(1);
  it.setShown(false);
  expect(it.clock.waiting()).toBe(0);
  it.clock.pass(3_600_000);
  it.setShown(true);
  expect([useApp.getState().nowMs, it.clock.waiting()]).toEqual([it.clock.now(), 1]);
});
