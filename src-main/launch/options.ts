/** What the program was started with: its own options come first, and the link of another program ends them. */
import { linkIn } from '../links.ts';

/**
 * On Windows a link is put into a command line by whoever follows it. Whatever stands behind one was chosen by the page that
 * holds it, so no option is taken from there.
 */
export function ownOptions(argv: readonly string[]): readonly string[] {
  const link = linkIn(argv);
  const ends = [argv.indexOf('--', 1), link === undefined ? -1 : argv.indexOf(link, 1)].filter((n) => n > 0);
  return argv.slice(1, ends.length === 0 ? undefined : Math.min(...ends));
}
