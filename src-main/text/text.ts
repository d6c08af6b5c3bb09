/** The words outside the window, in the person's language; the window has its own. */
import { createInstance } from 'i18next';
import { shownName } from './clean.ts';
import { de } from './de.ts';
import { en, type TextKey } from './en.ts';
import { fr } from './fr.ts';

export type Values = Readonly<Record<string, string | number>>;

export interface Text {
  (key: TextKey, values?: Values): string;
  /** As `Intl` names it. */
  readonly locale: string;
}

const CATALOGUES = { en, de, fr };

/** `chosen` is '' for the language of the system. */
export function textIn(chosen: string, system: string): Text {
  const wanted = (chosen === '' ? system : chosen).toLowerCase().split(/[-_]/, 1)[0] ?? '';
  const locale = Object.hasOwn(CATALOGUES, wanted) ? wanted : 'en';
  const texts = createInstance();
  void texts.init({
    lng: locale,
    fallbackLng: 'en',
    resources: Object.fromEntries(
      Object.entries(CATALOGUES).map(([name, translation]) => [name, { translation }]),
    ),
    keySeparator: false,
    nsSeparator: false,
    initAsync: false,
    interpolation: { escapeValue: false },
  });
  const speak = (key: TextKey, values: Values = {}): string =>
    texts.t(key, {
      nest: false,
      replace: Object.fromEntries(
        Object.entries(values).map(([name, value]) => [
          name,
          typeof value === 'string' ? shownName(value, 120) : value,
        ]),
      ),
      ...(typeof values['count'] === 'number' && { count: values['count'] }),
    });
  return Object.assign(speak, { locale });
}
