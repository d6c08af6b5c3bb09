/** Keys in a grid do what the pattern for grids says. */
import { describe, expect, test } from 'vitest';
import { type GridKey, moveFor } from './grid-keys.ts';

const place = { row: 5, rowCount: 100, rowsPerPage: 10 };
const press = (key: string, held: Partial<GridKey> = {}): GridKey => ({
  ...{ key, ctrl: false, shift: false, alt: false },
  ...held,
});

describe('a key in a grid', () => {
  test.each([
    ['ArrowDown', 6],
    ['ArrowUp', 4],
    ['PageDown', 15],
    ['PageUp', 0],
    ['Home', 0],
    ['End', 99],
  ])('%s goes to row %i', (key, row) =>
    expect(moveFor(place, press(key))).toEqual({ do: 'go', row, extend: false }),
  );

  test('stays within the rows', () => {
    expect(moveFor({ ...place, row: 99 }, press('ArrowDown'))).toMatchObject({ row: 99 });
    expect(moveFor({ ...place, row: 0 }, press('ArrowUp'))).toMatchObject({ row: 0 });
  });

  test('with Shift takes the rows in between along', () =>
    expect(moveFor(place, press('ArrowDown', { shift: true }))).toEqual({ do: 'go', row: 6, extend: true }));

  test.each([
    ['Enter', {}, 'open'],
    [' ', {}, 'toggle'],
    [' ', { shift: true }, 'toggle-range'],
    ['a', { ctrl: true }, 'select-all'],
    ['c', { ctrl: true }, 'copy'],
    ['F10', { shift: true }, 'menu'],
    ['ContextMenu', {}, 'menu'],
    ['ArrowRight', {}, 'into'],
    ['ArrowLeft', {}, 'out'],
    ['Escape', {}, 'clear'],
    ['x', {}, 'search'],
  ] as const)('%s %j: %s', (key, held, what) => expect(moveFor(place, press(key, held))?.do).toBe(what));

  test('leaves the browser its own', () => {
    expect(moveFor(place, press('v', { ctrl: true }))).toBeUndefined();
    expect(moveFor(place, press('ArrowLeft', { alt: true }))).toBeUndefined();
    expect(moveFor(place, press('Tab'))).toBeUndefined();
    expect(moveFor(place, press('?'))).toBeUndefined();
  });
});
