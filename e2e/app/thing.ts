/** What a person looks for on a page: a role and a name, perhaps within something else. Never a class, an id or a test's mark. */
import type { Locator, Page } from 'playwright-core';

export type Role = Parameters<Page['getByRole']>[0];

export interface Thing {
  readonly role: Role;
  /** A whole name, or a part by expression. */
  readonly name: string | RegExp;
  readonly within?: Thing;
}

export const thing =
  (role: Role) =>
  (name: string | RegExp, within?: Thing): Thing =>
    within === undefined ? { role, name } : { role, name, within };

export const button = thing('button');
export const link = thing('link');
export const field = thing('textbox');
export const search = thing('searchbox');
export const toggle = thing('switch');
export const row = thing('row');
export const menuItem = thing('menuitem');
export const tab = thing('tab');
export const dialog = thing('dialog');

export const isNamed = ({ name }: Thing, found: string): boolean =>
  typeof name === 'string' ? name === found : name.test(found);

export function locate(page: Page, { role, name, within }: Thing): Locator {
  const options = typeof name === 'string' ? { name, exact: true } : { name };
  return (within === undefined ? page : locate(page, within)).getByRole(role, options);
}

export const wordsOf = ({ role, name, within }: Thing): string =>
  `the ${role} “${name}”${within === undefined ? '' : ` within ${wordsOf(within)}`}`;
