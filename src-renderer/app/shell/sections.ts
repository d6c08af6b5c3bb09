/** Every section there is, found by address. */
import { CONNECT } from '../screens/connect.tsx';
import { LOOK } from '../screens/look.tsx';
import type { Section } from './section.ts';

export const sections: readonly Section[] = [...CONNECT, ...LOOK];

/** Those of the navigation, in its order. */
export const navigation: readonly Section[] = sections
  .filter(({ place }) => place !== undefined)
  .sort((a, b) => (a.place ?? 0) - (b.place ?? 0));

/** The longest matching path wins; `/` is Home's alone. */
export function sectionAt(path: string): Section | undefined {
  const matching = sections.filter(
    (one) => path === one.path || (one.path !== '/' && path.startsWith(`${one.path}/`)),
  );
  return matching.sort((a, b) => b.path.length - a.path.length)[0];
}

/** What follows the section's own path; an address that can't be decoded is taken as it is. */
export function restOf(path: string, section: Section): string {
  const rest = path.slice(section.path.length).replace(/^\//, '');
  try {
    return decodeURIComponent(rest);
  } catch {
    return rest;
  }
}
