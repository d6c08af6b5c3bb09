/** Every language says everything: the same keys, the same placeholders, all plural forms, and every key in the code exists. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { de } from '../locales/de.ts';
import { en, englishUi } from '../locales/en.ts';
import { fr } from '../locales/fr.ts';
import { accented, mirrored, pseudo } from './pseudo.ts';

type Texts = Readonly<Record<string, string>>;

const APP = join(import.meta.dirname, '..');
const FORM = /_(zero|one|two|few|many|other)$/;
const stemOf = (key: string): string => key.replace(FORM, '');
const placeholders = (text: string): string[] =>
  [...text.matchAll(/\{\{?(\w+)\}?\}/g)].map((one) => one[1] ?? '');
const categories = (locale: string): string[] =>
  new Intl.PluralRules(locale).resolvedOptions().pluralCategories;
const plurals = new Set(
  Object.keys(en)
    .filter((key) => FORM.test(key))
    .map(stemOf),
);

/** What `locale` must have, from the English keys. */
const wantedKeys = (locale: string): string[] =>
  [...new Set(Object.keys(en).map(stemOf))].flatMap((stem) =>
    plurals.has(stem) ? categories(locale).map((form) => `${stem}_${form}`) : [stem],
  );

const languages: readonly { readonly id: string; readonly texts: Texts }[] = [
  { id: 'en', texts: en },
  { id: 'de', texts: de.texts },
  { id: 'fr', texts: fr.texts },
  { id: 'en-XA', texts: pseudo(en, 'en-XA', accented) },
  { id: 'ar-XB', texts: pseudo(en, 'ar-XB', mirrored) },
];

describe.each(languages)('the texts in $id', ({ id, texts }) => {
  test('are for exactly the keys there are, with every form of a plural', () =>
    expect(Object.keys(texts).sort()).toEqual(wantedKeys(id).sort()));

  test('have the placeholders of the English ones', () => {
    const english: Texts = en;
    const wrong = Object.entries(texts).filter(([key, text]) => {
      const source = english[key] ?? english[`${stemOf(key)}_other`] ?? '';
      const has = new Set(placeholders(text));
      const wants = new Set(placeholders(source));
      // "One device" needs no number.
      if (/_(zero|one|two)$/.test(key)) has.add('count');
      if (FORM.test(key)) wants.add('count');
      return has.symmetricDifference(wants).size > 0;
    });
    expect(wrong).toEqual([]);
  });

  test('are not empty', () =>
    expect(Object.entries(texts).filter(([, text]) => text.trim() === '')).toEqual([]));
});

test.each([
  { id: 'de', ui: de.ui },
  { id: 'fr', ui: fr.ui },
])('the shared components speak $id', ({ ui }) => {
  const texts: Texts = ui;
  expect(Object.keys(texts).sort()).toEqual(Object.keys(englishUi).sort());
  for (const [english, text] of Object.entries(texts))
    expect(placeholders(text).sort()).toEqual(placeholders(english).sort());
});

test('every text of the shared components can be translated', () => {
  const folder = join(APP, '..', 'ui');
  const used = filesIn(folder).flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\bt\('((?:[^'\\]|\\.)*)'/g)].map((one) => one[1] ?? ''),
  );
  expect(used.filter((text) => !Object.hasOwn(englishUi, text))).toEqual([]);
});

test.each(['en', 'de', 'fr'])(
  'every file of texts in %s is part of the language, and no key is in two',
  (locale) => {
    const folder = join(APP, 'locales', locale);
    const list = readFileSync(`${folder}.ts`, 'utf8');
    const seen = new Set<string>();
    for (const name of readdirSync(folder)) {
      expect(list).toContain(`'./${locale}/${name}'`);
      if (name === 'ui.json') continue;
      const texts: unknown = JSON.parse(readFileSync(join(folder, name), 'utf8'));
      for (const key of Object.keys(texts as object)) {
        expect(seen, key).not.toContain(key);
        seen.add(key);
      }
    }
  },
);

test('no text is there that nothing uses', () => {
  const code = filesIn(APP)
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  const isUsed = (key: string): boolean => code.includes(`'${key}'`) || isBuilt(key, code);
  expect([...new Set(Object.keys(en).map(stemOf))].filter((key) => !isUsed(key))).toEqual([]);
});

/** `t(\`state.${state}\`)`: the part before the value, in full. */
const isBuilt = (key: string, code: string): boolean =>
  [...key.matchAll(/[.-]/g)].some(({ index }) => code.includes(`\`${key.slice(0, index + 1)}\${`));

function filesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return filesIn(path);
    return /\.tsx?$/.test(name) && !/\.test\.tsx?$/.test(name) ? [path] : [];
  });
}
