/** Who talks most is asked for again and again while somebody can see it, and only then. */
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { useApp } from '../../store/store.ts';
import { fakeBridge } from '../../testing/fake-bridge.ts';
import { TopTalkers } from './talkers.tsx';

let visible: DocumentVisibilityState;
const becomes = (state: DocumentVisibilityState): Promise<void> =>
  act(async () => {
    visible = state;
    document.dispatchEvent(new Event('visibilitychange'));
  });

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  vi.useFakeTimers();
  visible = 'visible';
  vi.spyOn(document, 'visibilityState', 'get').mockImplementation(() => visible);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test('a hidden page asks for nothing and has no timer; shown again it asks at once', async () => {
  const bridge = fakeBridge({ 'traffic.top': () => [] });
  useApp.setState({ bridge });
  const root = createRoot(document.createElement('div'));
  await act(async () => root.render(<TopTalkers isPaused={false} />));
  await act(() => vi.advanceTimersByTimeAsync(10_000));
  expect(bridge.asked).toHaveLength(2);
  await becomes('hidden');
  expect(vi.getTimerCount()).toBe(0);
  await becomes('visible');
  expect(bridge.asked).toHaveLength(3);
  await act(async () => root.unmount());
  expect(vi.getTimerCount()).toBe(0);
});
