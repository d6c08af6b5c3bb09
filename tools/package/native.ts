/** The native engine for a package: its library, the terms of the crates that are compiled into it, and their names. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { z } from 'zod';

const NATIVE = join(import.meta.dirname, '../../native');
const LIBRARY = 'librhumb_engine.so';

/** What `cargo metadata` says, as far as it matters here. */
const metadata = z.object({
  packages: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      version: z.string(),
      license: z.string().nullable(),
      manifest_path: z.string(),
    }),
  ),
  resolve: z.object({
    root: z.string(),
    nodes: z.array(
      z.object({
        id: z.string(),
        deps: z.array(
          z.object({ pkg: z.string(), dep_kinds: z.array(z.object({ kind: z.string().nullable() })) }),
        ),
      }),
    ),
  }),
});

/** A crate that is compiled into the library. */
interface Crate {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** Where its sources and its terms are. */
  readonly folder: string;
}

/** Undefined, and says so, where there is no toolchain: the portable engine serves then. */
function buildEngine(): { readonly library: string; readonly crates: readonly Crate[] } | undefined {
  if (!(process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'cargo')))) {
    console.warn('no Rust toolchain here: the package is without the native engine, and slow');
    return undefined;
  }
  const target = join(NATIVE, 'target');
  const built = spawnSync('cargo', ['build', '--release', '--locked', '--lib', '--quiet'], {
    cwd: NATIVE,
    env: { ...process.env, CARGO_TARGET_DIR: target },
    stdio: ['ignore', 2, 2],
  });
  if (built.status !== 0) throw new Error('the native engine does not build');
  return { library: join(target, 'release', LIBRARY), crates: compiledIn(describeCrates()) };
}

function describeCrates(): unknown {
  const host = /^host: (.+)$/m.exec(execFileSync('cargo', ['-vV'], { encoding: 'utf8' }))?.[1] ?? '';
  const args = ['metadata', '--format-version', '1', '--locked', '--filter-platform', host];
  return JSON.parse(
    execFileSync('cargo', args, { cwd: NATIVE, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }),
  );
}

/** Neither what only builds or tests use, nor the engine itself. */
export function compiledIn(described: unknown): readonly Crate[] {
  const { packages, resolve } = metadata.parse(described);
  const reached = new Set([resolve.root]);
  for (const id of reached)
    for (const { pkg, dep_kinds: kinds } of resolve.nodes.find((node) => node.id === id)?.deps ?? [])
      if (kinds.some(({ kind }) => kind === null)) reached.add(pkg);
  return packages
    .filter(({ id }) => id !== resolve.root && reached.has(id))
    .map(({ name, version, license, manifest_path: manifest }) => {
      if (license === null) throw new Error(`${name} ${version} says no licence`);
      return { name, version, license, folder: dirname(manifest) };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Beside the runtime, where the daemon looks for it; and what `rhumb licenses` reads. */
export function putEngine(lib: string): void {
  const engine = buildEngine();
  if (engine === undefined) return;
  mkdirSync(join(lib, 'native'), { recursive: true });
  cpSync(engine.library, join(lib, LIBRARY));
  for (const { name, folder } of engine.crates) {
    const terms = readdirSync(folder).filter((file) => /^(?:licen[cs]e|copying|notice)/i.test(file));
    if (terms.length === 0) throw new Error(`${name} brings no text of its licence`);
    for (const file of terms)
      cpSync(join(folder, file), join(lib, 'native', name, file), { recursive: true });
  }
  const crates = engine.crates.map(({ name, version, license }) => ({ name, version, license }));
  writeFileSync(join(lib, 'native/crates.json'), `${JSON.stringify(crates, undefined, 2)}\n`);
}
