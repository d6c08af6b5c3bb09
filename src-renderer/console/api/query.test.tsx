/** What is on the screen is never older than the last news, whatever comes first. */
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { afterEach, expect, test, vi } from 'vitest';
import { amend, useQuery } from './query.ts';

const answers: ((value: unknown) => void)[] = [];
vi.mock('./client.ts', () => ({
  CallError: class extends Error {},
  problemText: String,
  call: () =>
    new Promise((resolve) => {
      answers.push(resolve);
    }),
}));

afterEach(() => vi.unstubAllGlobals());

function Shown(): React.JSX.Element {
  const { data = [], retry } = useQuery('nodes.pending', {});
  return (
    <button type="button" onClick={retry}>
      {JSON.stringify(data)}
    </button>
  );
}

test('news that come while a list is asked for are not undone by its answer, which may be older', async () => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  const place = document.createElement('div');
  const root = createRoot(place);
  const answer = (value: unknown): Promise<void> => act(async () => answers.shift()?.(value));
  await act(async () => root.render(<Shown />));
  await answer(['old']);
  await act(async () => place.querySelector('button')?.click());
  await act(async () => amend('nodes.pending', {}, () => ['new'] as never));
  expect(place.textContent).toBe('["new"]');
  await answer(['old']);
  expect(answers).toHaveLength(1);
  await answer(['new']);
  expect(place.textContent).toBe('["new"]');
  expect(answers).toHaveLength(0);
  await act(async () => root.unmount());
});
