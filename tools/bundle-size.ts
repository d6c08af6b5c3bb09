/** How large the app's page is: all of it, and what a first visit loads; fails above the budget. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const FOLDER = join(import.meta.dirname, '..', 'dist', 'app');
/** Scripts and styles as they travel, in kilobytes. */
const MOST_KB = 400;

/** Texts of languages that are loaded when somebody chooses them; English is in the first script. */
const LANGUAGE = /^[a-z]{2}-[\w-]{8}\.js$/;

export interface BundleSize {
  /** Every script and style that one person can come to load: of the languages the largest alone. */
  readonly allKB: number;
  /** What the page asks for before anything is clicked. */
  readonly firstKB: number;
}

const asset = /(?:src|href)="\.?\/?(?:assets\/)([^"]+\.(?:js|css))"/g;
const imported = /(?:from|import)\s*["']\.\/([^"']+\.js)["']/g;

/** Undefined where the page is not built. */
export function bundleSize(folder = FOLDER): BundleSize | undefined {
  const assets = join(folder, 'assets');
  if (!existsSync(assets)) return undefined;
  const files = readdirSync(assets).filter((name) => /\.(js|css)$/.test(name));
  const sizes = new Map(files.map((name) => [name, gzipSync(readFileSync(join(assets, name))).length]));
  const first = new Set<string>();
  const add = (name: string): void => {
    if (first.has(name) || !sizes.has(name)) return;
    first.add(name);
    if (!name.endsWith('.js')) return;
    for (const [, other = ''] of readFileSync(join(assets, name), 'utf8').matchAll(imported)) add(other);
  };
  for (const [, name = ''] of readFileSync(join(folder, 'index.html'), 'utf8').matchAll(asset))
    add(basename(name));
  const sum = (names: Iterable<string>): number =>
    [...names].reduce((total, name) => total + (sizes.get(name) ?? 0), 0) / 1_000;
  const languages = files.filter((name) => LANGUAGE.test(name));
  const others = files.filter((name) => !LANGUAGE.test(name));
  const largest = Math.max(0, ...languages.map((name) => sum([name])));
  return { allKB: sum(others) + largest, firstKB: sum(first) };
}

if (import.meta.main) {
  const size = bundleSize();
  const all = size?.allKB ?? 0;
  if (size === undefined) console.log('the app is not built: run `npm run setup`');
  else
    console.log(`${all.toFixed(0)} kB of ${MOST_KB} kB, ${size.firstKB.toFixed(0)} kB for the first screen`);
  process.exitCode = size === undefined || all > MOST_KB ? 1 : 0;
}
