/** A part that fails leaves the rest, and gets its chance again. */
import { act, type ReactNode } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Fence } from './fence.tsx';

let root: Root;
let isBroken = true;
const place = document.createElement('div');
const show = (node: ReactNode): Promise<void> => act(async () => root.render(node));

function Part(): React.JSX.Element {
  if (isBroken) throw new Error('no such thing');
  return <p>well</p>;
}
const page = (of: string): React.JSX.Element => (
  <>
    <p>beside</p>
    <Fence of={of}>
      <Part />
    </Fence>
  </>
);

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  // What React and the page tell of a fault is wanted here.
  vi.stubGlobal('reportError', () => undefined);
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  isBroken = true;
  root = createRoot(place);
});
afterEach(async () => {
  await act(async () => root.unmount());
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test('says that it failed, and leaves what is beside it', async () => {
  await show(page('/a'));
  expect(place.textContent).toContain('beside');
  expect(place.querySelector('[role=alert] h2')?.textContent).toBe('This part failed');
  expect(place.querySelectorAll('button')).toHaveLength(2);
});

test('comes back when it is asked to, once the cause is gone', async () => {
  await show(page('/a'));
  isBroken = false;
  await act(async () => place.querySelector('button')?.click());
  expect(place.textContent).toBe('besidewell');
});

test('comes back by itself when something else is shown in it', async () => {
  await show(page('/a'));
  isBroken = false;
  await show(page('/a'));
  expect(place.textContent).toContain('This part failed');
  await show(page('/b'));
  expect(place.textContent).toBe('besidewell');
});
