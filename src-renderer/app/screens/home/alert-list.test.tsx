/** What stands above everything on Home. */
import { act } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { show, useApp } from '../../store/store.ts';
import { device, snapshot } from '../../testing/build.ts';
import { fakeBridge } from '../../testing/fake-bridge.ts';
import { AlertList } from './alert-list.tsx';

const NOW = Date.UTC(2026, 0, 1);
let root: Root;
const place = document.createElement('div');
const signIns = (): number =>
  [...place.querySelectorAll('button')].filter(({ textContent }) => textContent === 'Sign in again').length;

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  document.body.append(place);
  root = createRoot(place);
  useApp.setState({ bridge: fakeBridge({}), nowMs: NOW });
});
afterEach(async () => {
  await act(async () => root.unmount());
  place.remove();
  vi.unstubAllGlobals();
});

test('a key that is over is said once, by the screen, while the page’s clock still waits for it', async () => {
  const self = device({ name: 'laptop', keyExpiryMs: NOW + 10_000, keyCreatedMs: NOW - 86_400_000 });
  show(snapshot({ self }), undefined);
  await act(async () => root.render(<AlertList />));
  expect(signIns()).toBe(1);
  await act(async () =>
    show(snapshot({ self: { ...self, isExpired: true }, state: 'NeedsLogin' }), undefined),
  );
  expect(signIns()).toBe(0);
});
