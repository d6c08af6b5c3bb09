/** The page's one clock: it ticks for who looks, and not at all while nobody can. */
import { act, createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { useNow } from './time.tsx';

const Shown = (): string => String(useNow());

const setHidden = (isHidden: boolean): void => {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue(isHidden ? 'hidden' : 'visible');
  act(() => void document.dispatchEvent(new Event('visibilitychange')));
};

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test('a hidden page wakes up for nothing, and knows the time when it is shown again', () => {
  const place = document.createElement('div');
  const root = createRoot(place);
  act(() => root.render(createElement(Shown)));
  expect(vi.getTimerCount()).toBe(1);
  act(() => void vi.advanceTimersByTime(30_000));
  expect(place.textContent).toBe('1030000');
  setHidden(true);
  expect(vi.getTimerCount()).toBe(0);
  vi.setSystemTime(9_000_000);
  setHidden(false);
  expect([place.textContent, vi.getTimerCount()]).toEqual(['9000000', 1]);
  act(() => root.unmount());
  expect(vi.getTimerCount()).toBe(0);
});
