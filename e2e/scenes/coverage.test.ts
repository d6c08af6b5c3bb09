/** That the scenes leave no state of the program out. */
import { expect, test } from 'vitest';
import { deriveUi, UI_STATES } from '#shared/ui-state/derive.ts';
import { NOW } from './builders.ts';
import { SCENES } from './catalogue/all.ts';

test('no two scenes have the same name', () => {
  const names = SCENES.map(({ name }) => name);
  expect(names.filter((name, n) => names.indexOf(name) !== n)).toEqual([]);
});

test('every state of the program has a scene', () => {
  const shown = new Set(SCENES.map(({ snapshot }) => deriveUi(snapshot, NOW)));
  expect(UI_STATES.filter((state) => !shown.has(state))).toEqual([]);
});
