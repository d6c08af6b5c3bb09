/** Languages that nobody speaks, made of the English texts: longer words, and the other direction, to see what breaks. */

const ACCENTS: Readonly<Record<string, string>> = {
  a: 'á',
  b: 'ƀ',
  c: 'ç',
  d: 'ð',
  e: 'é',
  f: 'ƒ',
  g: 'ĝ',
  h: 'ĥ',
  i: 'î',
  j: 'ĵ',
  k: 'ķ',
  l: 'ļ',
  m: 'ɱ',
  n: 'ñ',
  o: 'ö',
  p: 'þ',
  q: 'ǫ',
  r: 'ŕ',
  s: 'š',
  t: 'ţ',
  u: 'û',
  v: 'ṽ',
  w: 'ŵ',
  x: 'ẋ',
  y: 'ý',
  z: 'ž',
  A: 'Å',
  B: 'Ɓ',
  C: 'Ç',
  D: 'Ð',
  E: 'É',
  F: 'Ƒ',
  G: 'Ĝ',
  H: 'Ĥ',
  I: 'Î',
  J: 'Ĵ',
  K: 'Ķ',
  L: 'Ļ',
  M: 'Ṁ',
  N: 'Ñ',
  O: 'Ö',
  P: 'Þ',
  Q: 'Ǫ',
  R: 'Ŕ',
  S: 'Š',
  T: 'Ţ',
  U: 'Û',
  V: 'Ṽ',
  W: 'Ŵ',
  X: 'Ẋ',
  Y: 'Ý',
  Z: 'Ž',
};
const FILLER = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
const RIGHT_TO_LEFT_OVERRIDE = '\u202e';
const POP = '\u202c';
const PLURAL = /_(zero|one|two|few|many|other)$/;

type Texts = Readonly<Record<string, string>>;

/** Accents, and 40 % more letters, between brackets that show where a text is cut. */
export function accented(text: string): string {
  const wide = byPart(text, (part) => part.replace(/[a-zA-Z]/g, (letter) => ACCENTS[letter] ?? letter));
  const wanted = Math.ceil(text.length * 0.4);
  let filler = '';
  for (let n = 0; filler.length < wanted; n += 1) filler += ` ${FILLER[n % FILLER.length]}`;
  return `[${wide}${filler}]`;
}

/** Every word written from right to left; values keep their own direction. */
export const mirrored = (text: string): string =>
  byPart(text, (part) => part.replace(/[^\s]+/g, (word) => `${RIGHT_TO_LEFT_OVERRIDE}${word}${POP}`));

/** `{{placeholders}}` stay as they are. */
const byPart = (text: string, change: (part: string) => string): string =>
  text
    .split(/(\{\{?\w+\}?\})/)
    .map((part, n) => (n % 2 === 1 ? part : change(part)))
    .join('');

/** All texts through `change`; plurals get every category that the language has. */
export function pseudo(english: Texts, locale: string, change: (text: string) => string): Texts {
  const { pluralCategories } = new Intl.PluralRules(locale).resolvedOptions();
  const made: [string, string][] = [];
  for (const [key, text] of Object.entries(english)) {
    const form = PLURAL.exec(key)?.[1];
    if (form === undefined) made.push([key, change(text)]);
    if (form !== 'other') continue;
    const stem = key.slice(0, -'_other'.length);
    for (const category of pluralCategories)
      made.push([`${stem}_${category}`, change(english[`${stem}_${category}`] ?? text)]);
  }
  return Object.fromEntries(made);
}
