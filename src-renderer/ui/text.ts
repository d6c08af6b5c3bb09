/** Every word on a screen goes through here: the English text is the key, a catalogue may translate it. */

type Values = Readonly<Record<string, string | number>>;

/** Another language: English text to its translation; plurals under `one|other`. */
export type Catalogue = Readonly<Record<string, string>>;

let catalogue: Catalogue = {};

export function setCatalogue(next: Catalogue): void {
  catalogue = next;
}

/** `{name}` in the text is replaced by the value of that name. */
export function t(text: string, values?: Values): string {
  return fill(catalogue[text] ?? text, values);
}

const plurals = new Intl.PluralRules('en');

/** The text for `count` things; `{count}` is the number as people write it. */
export function plural(count: number, one: string, other: string, values?: Values): string {
  const text = plurals.select(count) === 'one' ? one : other;
  return t(text, { ...values, count: formatNumber(count) });
}

const numbers = new Intl.NumberFormat('en');

export const formatNumber = (value: number): string => numbers.format(value);

function fill(text: string, values: Values | undefined): string {
  if (values === undefined) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
