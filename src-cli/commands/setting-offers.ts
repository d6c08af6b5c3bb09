/** The names of settings, for shells. */
import { settableFlags } from './pref-flags.ts';
import type { Offers } from './spec.ts';

export const settings: Offers = async ({ platform }) =>
  settableFlags(platform)
    .filter(({ isHidden }) => isHidden !== true)
    .map(({ name, about }) => ({ word: name, about }));
