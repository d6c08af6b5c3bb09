/** Views of lists that are kept for each account. */
import { afterEach, expect, test, vi } from 'vitest';
import { keepView, keptView } from './kept-view.ts';

afterEach(() => vi.unstubAllGlobals());

function stub(): Map<string, string> {
  const kept = new Map<string, string>();
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
  return kept;
}

test('each account has its own', () => {
  stub();
  keepView('devices', 'work', 'show=online');
  expect([keptView('devices', 'work'), keptView('devices', 'home')]).toEqual(['show=online', '']);
});

test('a view as at first leaves nothing behind', () => {
  const kept = stub();
  keepView('devices', 'work', 'show=online');
  keepView('devices', 'work', '');
  expect(kept.size).toBe(0);
});

test('what is longer than any view is not believed', () => {
  const kept = stub();
  kept.set('rhumb.view.devices.work', 'x'.repeat(10_000));
  expect(keptView('devices', 'work')).toBe('');
});

test('without storage a list is as at first', () => {
  vi.stubGlobal('localStorage', {
    getItem: () => {
      throw new Error('denied');
    },
    setItem: () => {
      throw new Error('full');
    },
  });
  keepView('devices', 'work', 'show=online');
  expect(keptView('devices', 'work')).toBe('');
});
