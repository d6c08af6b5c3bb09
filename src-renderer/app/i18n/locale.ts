/** Which language is spoken, and changing it while the app runs. English is always there, others are loaded when asked for. */
import { create } from 'zustand';
import { setCatalogue } from '../../ui/text.ts';
import { en, englishUi } from '../locales/en.ts';
import { accented, mirrored, pseudo } from './pseudo.ts';
import { speak } from './text.ts';

export interface Language {
  readonly id: string;
  /** In its own words. */
  readonly name: string;
  readonly dir: 'ltr' | 'rtl';
}

interface Catalogue {
  readonly texts: Readonly<Record<string, string>>;
  /** Of the shared components, by their English texts. */
  readonly ui: Readonly<Record<string, string>>;
}

export const LANGUAGES: readonly Language[] = [
  { id: 'en', name: 'English', dir: 'ltr' },
  { id: 'de', name: 'Deutsch', dir: 'ltr' },
  { id: 'fr', name: 'Français', dir: 'ltr' },
];
/** For tests of the layout; never offered. */
const PSEUDO: readonly Language[] = [
  { id: 'en-XA', name: 'Pseudo', dir: 'ltr' },
  { id: 'ar-XB', name: 'Mirrored', dir: 'rtl' },
];
const ENGLISH: Language = { id: 'en', name: 'English', dir: 'ltr' };

const load: Readonly<Record<string, () => Promise<Catalogue>>> = {
  en: () => Promise.resolve({ texts: en, ui: {} }),
  de: async () => (await import('../locales/de.ts')).de,
  fr: async () => (await import('../locales/fr.ts')).fr,
  'en-XA': () => Promise.resolve(made('en-XA', accented)),
  'ar-XB': () => Promise.resolve(made('ar-XB', mirrored)),
};

const made = (locale: string, change: (text: string) => string): Catalogue => ({
  texts: pseudo(en, locale, change),
  ui: Object.fromEntries(Object.keys(englishUi).map((text) => [text, change(text)])),
});

const useSpoken = create<Language>(() => ENGLISH);

/** The language of the texts on the page; whatever shows texts is made anew when it changes. */
export const useLocale = (): Language => useSpoken();
export const locale = (): string => useSpoken.getState().id;

/** `wanted` is what was chosen (`''` or `system` = none), `offered` what the system speaks, best first. */
export function pickLocale(wanted: string, offered: readonly string[]): Language {
  const all = [...LANGUAGES, ...PSEUDO];
  for (const one of [wanted, ...offered]) {
    const exact = all.find(({ id }) => id.toLowerCase() === one.toLowerCase());
    const near = LANGUAGES.find(({ id }) => one.toLowerCase().startsWith(`${id}-`));
    const found = exact ?? near;
    if (found !== undefined) return found;
  }
  return ENGLISH;
}

/** Rejects when the language cannot be loaded; the one before stays. */
export async function setLocale(language: Language): Promise<void> {
  const catalogue = await load[language.id]?.();
  if (catalogue === undefined) return;
  speak(language.id, language.dir, catalogue.texts);
  setCatalogue(catalogue.ui, language.id);
  document.documentElement.lang = language.id;
  document.documentElement.dir = language.dir;
  useSpoken.setState(language);
}
