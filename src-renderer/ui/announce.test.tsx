/** What is read out: each message once, none lost to the next, none left lying in the page. */
import { act } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { announce, LiveRegions } from './announce.tsx';

let root: Root;
const place = document.createElement('div');
const heard = (manner: 'polite' | 'assertive'): readonly (string | null)[] =>
  [...place.querySelectorAll(`[aria-live="${manner}"] p`)].map(({ textContent }) => textContent);
const say = (...args: Parameters<typeof announce>): Promise<void> => act(async () => announce(...args));

beforeEach(async () => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  vi.useFakeTimers();
  root = createRoot(place);
  await act(async () => root.render(<LiveRegions />));
});
afterEach(async () => {
  await act(async () => vi.runAllTimers());
  await act(async () => root.unmount());
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('two at once are both heard, each in its region', async () => {
  await act(async () => {
    announce('Connected');
    announce('12 devices');
    announce('Internet blocked', 'assertive');
  });
  expect(heard('polite')).toEqual(['Connected', '12 devices']);
  expect(heard('assertive')).toEqual(['Internet blocked']);
});

test('the same within five seconds is heard once', async () => {
  await say('Connected');
  await say('Connected');
  expect(heard('polite')).toEqual(['Connected']);
  vi.advanceTimersByTime(5_000);
  await say('Connected');
  expect(heard('polite')).toEqual(['Connected', 'Connected']);
});

test('the same after something else is heard again: the last word must be true', async () => {
  await say('Connected');
  await say('Off');
  await say('Connected');
  expect(heard('polite')).toEqual(['Connected', 'Off', 'Connected']);
});

test('nothing stays', async () => {
  await say('Connected');
  await act(async () => vi.advanceTimersByTime(10_000));
  expect(heard('polite')).toEqual([]);
});
