/** The layer in which one types, walks with the arrows and chooses, the cursor staying in its field. */
import { UserRound } from 'lucide-react';
import { act, useState } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Finder } from './finder.tsx';

let root: Root;
const done: string[] = [];
const choices = ['ada', 'bo'].map((text) => ({ id: text, text, note: '', icon: UserRound }));

function Opened(): React.JSX.Element {
  const [words, setWords] = useState('');
  return (
    <Finder
      label="Go to"
      placeholder=""
      listLabel="Found"
      nothing="Nothing"
      words={words}
      onWords={setWords}
      choices={choices.filter(({ text }) => text.includes(words))}
      onChoose={({ id }) => done.push(id)}
      onClose={() => done.push('closed')}
    />
  );
}

const field = (): HTMLInputElement | null => document.querySelector('[role=combobox]');
const press = (key: string): Promise<void> =>
  act(async () => {
    field()?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    field()?.dispatchEvent(new KeyboardEvent('keyup', { key, bubbles: true, cancelable: true }));
  });

beforeEach(async () => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true);
  done.length = 0;
  root = createRoot(document.body.appendChild(document.createElement('div')));
  await act(async () => root.render(<Opened />));
});
afterEach(async () => {
  await act(async () => root.unmount());
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

test('to readers its field is a combobox over a list of options', () => {
  const list = document.getElementById(field()?.getAttribute('aria-controls') ?? '');
  expect(list?.getAttribute('role')).toBe('listbox');
  expect(list?.querySelectorAll('[role=option]')).toHaveLength(2);
});

test('an arrow and Enter choose, and it is gone before what was chosen is done', async () => {
  await press('ArrowDown');
  await press('ArrowDown');
  await press('Enter');
  expect(done).toEqual(['closed', 'bo']);
});

test('Escape closes it at once', async () => {
  await press('Escape');
  expect(done).toEqual(['closed']);
});
