/** `rhumb web`: not there yet, and it says so. */
import { RhumbError } from '#shared/errors.ts';
import type { Action } from './spec.ts';

/** `rhumb web`. */
export const web: Action = async () => {
  throw new RhumbError(
    'unavailable',
    "there is no page for controlling rhumbd yet: 'rhumb status --web' serves the status, " +
      "'rhumb set' and 'rhumb up' change settings",
  );
};
