/** That the scenes leave nothing of the program out: no state, no route, no layer, no condition of a screen. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { expect, test } from 'vitest';
import { deriveUi, UI_STATES } from '#shared/ui-state/derive.ts';
import { ROOT } from '../lab/figures.ts';
import { NOW } from './builders.ts';
import { SCENES } from './catalogue/all.ts';
import { LAYERS_BY_ID } from './layers.ts';
import { CONDITIONS, ONBOARDING, SIZES } from './promises.ts';

const APP = join(ROOT, 'src-renderer/app');
const names = new Set(SCENES.map(({ name }) => name));
const missing = (wanted: readonly string[]): readonly string[] => wanted.filter((name) => !names.has(name));
const sourceOf = (path: string): string => readFileSync(join(APP, path), 'utf8');

test('no two scenes have the same name', () => {
  const all = SCENES.map(({ name }) => name);
  expect(all.filter((name, n) => all.indexOf(name) !== n)).toEqual([]);
});

test('every state of the program has a scene', () => {
  const shown = new Set(SCENES.map(({ snapshot }) => deriveUi(snapshot, NOW)));
  expect(UI_STATES.filter((state) => !shown.has(state))).toEqual([]);
});

/** The texts between quotes of a list in a source: `const TABS = ['a', 'b']`. */
function listIn(path: string, name: string): readonly string[] {
  const found = new RegExp(String.raw`const ${name} = \[([^\]]*)\]`).exec(sourceOf(path))?.[1] ?? '';
  return [...found.matchAll(/'([^']+)'/g)].map(([, text]) => text ?? '');
}

/** Of the sections themselves, and of what they hold. */
function routes(): readonly string[] {
  const sections = ['screens/connect.tsx', 'screens/look.tsx'].flatMap((path) =>
    [...sourceOf(path).matchAll(/\bpath: '([^']+)'/g)].map(([, route]) => route ?? ''),
  );
  return [
    ...sections,
    ...listIn('screens/settings/rows.ts', 'GROUPS').map((group) => `/settings/${group}`),
    ...listIn('screens/diagnostics/diagnostics.tsx', 'TABS').map((tab) => `/diagnostics/${tab}`),
    '/devices/n-atlas',
    '/nowhere',
  ];
}

test('every route has a scene', () => {
  const all = routes();
  expect(all.length).toBeGreaterThan(20);
  const shown = new Set(SCENES.map(({ route }) => route.split('?')[0]));
  expect(all.filter((route) => !shown.has(route))).toEqual([]);
});

const LAYER = /<(?:Dialog|FormDialog|Finder|Menu|ModalOverlay)\b/g;

/** Files of the app that open layers, each as often as it opens one. */
function openers(): readonly string[] {
  return readdirSync(APP, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.tsx') && !path.includes('.test.'))
    .flatMap((path) => {
      const owner = relative('.', path).split(sep).join('/');
      const count = [...sourceOf(path).matchAll(LAYER)].length;
      return Array.from({ length: count }, () => owner);
    });
}

test('every dialog, question and menu is listed with its owner', () => {
  const sorted = (owners: readonly string[]): readonly string[] => [...owners].sort();
  expect(sorted(LAYERS_BY_ID.map(({ owner }) => owner))).toEqual(sorted(openers()));
});

test('every dialog, question and menu has a scene, which knows that it is one', () => {
  const shown = LAYERS_BY_ID.flatMap(({ scenes }) => scenes);
  expect(LAYERS_BY_ID.filter(({ scenes }) => scenes.length === 0)).toEqual([]);
  expect(missing(shown)).toEqual([]);
  const layers = new Set(SCENES.filter(({ isLayer }) => isLayer === true).map(({ name }) => name));
  expect(shown.filter((name) => !layers.has(name))).toEqual([]);
});

test('every condition of every screen has a scene', () => {
  expect(missing(Object.values(CONDITIONS).flatMap((one) => Object.values(one)))).toEqual([]);
});

test('networks of every size are listed, hostile ones too', () => {
  const counts = Object.entries(SIZES).map(([size, name]) => {
    const scene = SCENES.find((one) => one.name === name);
    return [Number(size), Object.keys(scene?.snapshot.devices ?? {}).length];
  });
  expect(counts.filter(([wanted, found]) => wanted !== found)).toEqual([]);
  expect(
    missing(['devices-hostile-names', 'device-hostile', 'exit-node-hostile', 'accounts-hostile']),
  ).toEqual([]);
});

test('every way into the program has a scene, on every system', () => {
  expect(missing(ONBOARDING)).toEqual([]);
});
