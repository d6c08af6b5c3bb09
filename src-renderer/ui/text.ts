/** Every word on a screen goes through here: the English text is the key, a catalogue may translate it. */

type Values = Readonly<Record<string, string | number>>;

/** Another language: English text to its translation; plurals under `one|other`. */
export type Catalogue = Readonly<Record<string, string>>;

let catalogue: Catalogue = {};
let spoken = 'en';
let plurals = new Intl.PluralRules(spoken);
let numbers = new Intl.NumberFormat(spoken);

export function setCatalogue(next: Catalogue, locale = 'en'): void {
  catalogue = next;
  spoken = locale;
  plurals = new Intl.PluralRules(locale);
  numbers = new Intl.NumberFormat(locale);
}

/** For formats of the language that is spoken. */
export const spokenLocale = (): string => spoken;

/** `{name}` in the text is replaced by the value of that name. */
export function t(text: string, values?: Values): string {
  return fill(catalogue[text] ?? text, values);
}

/** The text for `count` things; `{count}` is the number as people write it. */
export function plural(count: number, one: string, other: string, values?: Values): string {
  const text = plurals.select(count) === 'one' ? one : other;
  return t(text, { ...values, count: formatNumber(count) });
}

export const formatNumber = (value: number): string => numbers.format(value);

function fill(text: string, values: Values | undefined): string {
  if (values === undefined) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
