/** Every word on a screen of the app goes through here, by key; the English files say which keys there are. */
import { createInstance } from 'i18next';
import { cut } from '../lib/foreign.tsx';
import { type EnglishKey, en } from '../locales/en.ts';

type Stem<K> = K extends `${infer S}_${'one' | 'other'}` ? S : K;

/** A text, such as `home.on.heading`; plurals without their ending. */
export type Key = Stem<EnglishKey>;
export type Values = Readonly<Record<string, string | number>>;

/** Names within a sentence: what is longer says nothing more. */
const LONGEST_VALUE = 240;

const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

const texts = createInstance();
let numbers = new Intl.NumberFormat('en');
let isAlwaysIsolated = false;

void texts.init({
  lng: 'en',
  fallbackLng: 'en',
  resources: { en: { translation: en } },
  // Keys are whole: a dot or a colon in one means nothing.
  keySeparator: false,
  nsSeparator: false,
  initAsync: false,
  interpolation: { escapeValue: false },
});

/** Texts without values in the language of now: a list asks for the same few hundreds of times. */
const plain = new Map<Key, string>();

/** `{{name}}` is replaced by the value of that name, cleaned and cut; `count` chooses the plural. */
export function t(key: Key, values?: Values): string {
  if (values !== undefined) return found(key, values);
  const known = plain.get(key) ?? found(key, {});
  plain.set(key, known);
  return known;
}

function found(key: Key, values: Values): string {
  const { count } = values;
  return texts.t(key, {
    // A value that looks like a reference to another text is only a value.
    nest: false,
    replace: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, shown(value)])),
    ...(typeof count === 'number' && { count }),
  });
}

const shown = (value: string | number): string =>
  typeof value === 'number' ? numbers.format(value) : isolated(cut(value, LONGEST_VALUE));

/** A name of the other direction must not turn the words around it (UAX 9 §2.5: first strong isolate). */
const isolated = (text: string): string =>
  isAlwaysIsolated || RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;

/** From now on in this language; `translated` are its texts by key. */
export function speak(
  locale: string,
  dir: 'ltr' | 'rtl',
  translated: Readonly<Record<string, string>>,
): void {
  texts.addResourceBundle(locale, 'translation', translated, false, true);
  void texts.changeLanguage(locale);
  plain.clear();
  numbers = new Intl.NumberFormat(locale);
  isAlwaysIsolated = dir === 'rtl';
}
