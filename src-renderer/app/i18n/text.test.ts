/** Texts with values in them, in the languages there are. */
import { afterEach, describe, expect, test } from 'vitest';
import { formatBytes, formatMs, formatSpan } from './format.ts';
import { LANGUAGES, pickLocale, setLocale } from './locale.ts';
import { accented, mirrored, pseudo } from './pseudo.ts';
import { t } from './text.ts';

const language = (id: string) => pickLocale(id, []);
afterEach(async () => await setLocale(language('en')));

test('a value takes its place as it is, whatever it looks like', () => {
  expect(t('common.per-second', { amount: '$t(common.retry) {{amount}}' })).toBe(
    '$t(common.retry) {{amount}}/s',
  );
});

test('a value is one line without marks that turn it', () =>
  expect(t('common.per-second', { amount: 'a\n\u202eb' })).toBe('a b/s'));

test('a name of the other direction is kept to itself', () =>
  expect(t('common.per-second', { amount: 'مكتب' })).toBe('\u2068مكتب\u2069/s'));

test.each([
  { name: 'what was chosen', wanted: 'de', offered: ['fr'], want: 'de' },
  { name: 'what the system speaks', wanted: 'system', offered: ['de-AT', 'en'], want: 'de' },
  { name: 'the next best', wanted: '', offered: ['xx', 'fr-CA'], want: 'fr' },
  { name: 'English where nothing fits', wanted: 'xx', offered: ['yy'], want: 'en' },
  { name: 'a language of tests by its whole name only', wanted: '', offered: ['ar'], want: 'en' },
  { name: 'a language of tests', wanted: 'ar-XB', offered: [], want: 'ar-XB' },
])('the language is $name', ({ wanted, offered, want }) => expect(pickLocale(wanted, offered).id).toBe(want));

test('formats follow the language', async () => {
  expect(formatMs(4.25)).toBe('4.3 ms');
  await setLocale(language('de'));
  expect(formatMs(4.25)).toBe('4,3 ms');
  expect(formatMs(142.6)).toBe('143 ms');
  expect(document.documentElement.lang).toBe('de');
});

test('the mirrored language turns the page', async () => {
  await setLocale(language('ar-XB'));
  expect(document.documentElement.dir).toBe('rtl');
  expect(LANGUAGES.map(({ id }) => id)).not.toContain('ar-XB');
});

describe('amounts', () => {
  test.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1_000, '1 kB'],
    [1_250_000, '1.3 MB'],
    [142_600_000, '143 MB'],
    [999_999, '1 MB'],
  ])('%i bytes are %s', (bytes, want) => expect(formatBytes(bytes)).toBe(want));

  test.each([
    [3_000, '3 seconds'],
    [119_000, '1 minute'],
    [3 * 3_600_000, '3 hours'],
    [50 * 3_600_000, '2 days'],
  ])('%i ms are %s', (ms, want) => expect(formatSpan(ms)).toBe(want));
});

describe('a language for tests', () => {
  test('is longer and keeps its placeholders', () => {
    const text = accented('Copy {{name}} now');
    expect(text).toContain('{{name}}');
    expect(text.length).toBeGreaterThan('Copy {{name}} now'.length * 1.4);
  });
  test('is written from the right, word by word', () =>
    expect(mirrored('Copy {{name}}')).toBe('\u202eCopy\u202c {{name}}'));
  test('has every plural form of its language', () =>
    expect(Object.keys(pseudo({ 'a.b_one': 'x', 'a.b_other': 'y' }, 'ar-XB', mirrored)).sort()).toEqual(
      ['few', 'many', 'one', 'other', 'two', 'zero'].map((form) => `a.b_${form}`),
    ));
});
