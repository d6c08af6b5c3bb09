/** The files of the package without the desktop program, as they lie on the machine that installs it. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { bundlePrograms } from './bundle.ts';
import { putEngine } from './native.ts';

const ROOT = join(import.meta.dirname, '../..');
export const LIB = '/usr/lib/rhumb';

/** Where each program is called, and the flags that its Node gets. */
const WRAPPERS = {
  rhumbd: { path: '/usr/sbin/rhumbd', flags: ['--max-semi-space-size=2'] },
  rhumb: { path: '/usr/bin/rhumb', flags: [] },
  'rhumb-control': { path: '/usr/bin/rhumb-control', flags: [] },
} as const;

/** Nothing of the caller's environment makes a program of root's load other code, or trust other authorities. */
const wrapper = (program: string, flags: readonly string[]): string => `#!/bin/sh
unset NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NODE_REPL_EXTERNAL_MODULE RHUMB_ENGINE_LIBRARY
exec ${[`${LIB}/node`, '--disable-warning=ExperimentalWarning', ...flags, `${LIB}/app/js/${program}.js`].join(' ')} "$@"
`;

interface CopyOptions {
  /** Below the root of the checkout. */
  readonly from: string;
  readonly to: string;
  readonly mode?: number;
}

const FILES: readonly CopyOptions[] = [
  { from: 'resources/systemd/rhumbd.service', to: '/usr/lib/systemd/system/rhumbd.service' },
  { from: 'resources/systemd/rhumb-control.service', to: '/usr/lib/systemd/system/rhumb-control.service' },
  { from: 'resources/default/rhumbd', to: '/etc/default/rhumbd' },
  { from: 'resources/polkit/io.rhumb.policy', to: '/usr/share/polkit-1/actions/io.rhumb.policy' },
  { from: 'resources/linux/rhumb-helper', to: `${LIB}/rhumb-helper`, mode: 0o755 },
  { from: 'resources/linux/maintain', to: `${LIB}/maintain`, mode: 0o755 },
  { from: 'package.json', to: `${LIB}/package.json` },
  { from: 'LICENSE', to: '/usr/share/doc/rhumb-daemon/LICENSE' },
];

/** Fills `root` with everything; what is there already stays. */
export async function layOut(root: string): Promise<void> {
  const at = (path: string): string => join(root, path);
  const put = (path: string, content: string | Uint8Array, mode = 0o644): void => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), content);
    chmodSync(at(path), mode);
  };
  await bundlePrograms(at(LIB));
  for (const { from, to, mode } of FILES) put(to, readFileSync(join(ROOT, from)), mode);
  for (const [program, { path, flags }] of Object.entries(WRAPPERS))
    put(path, wrapper(program, flags), 0o755);
  put(`${LIB}/node`, readFileSync(join(ROOT, 'node_modules/node/bin/node')), 0o755);
  putPages(root);
  putModules(root);
  putEngine(at(LIB));
  for (const [path, text] of completions()) put(path, text);
  for (const [path, text] of manuals()) put(path, gzipSync(text, { level: 9 }));
  put(
    '/usr/share/doc/rhumb-daemon/changelog.gz',
    gzipSync(readFileSync(join(ROOT, 'CHANGELOG.md')), { level: 9 }),
  );
  put('/usr/share/doc/rhumb-daemon/copyright', copyright());
  settleModes(root);
}

/** The daemon's and the coordination server's pages. */
function putPages(root: string): void {
  for (const page of ['app', 'console']) {
    const built = join(ROOT, 'dist', page);
    if (!existsSync(join(built, 'index.html')))
      throw new Error(`dist/${page} is not built: run npm run setup first`);
    cpSync(built, join(root, LIB, 'dist', page), { recursive: true });
  }
}

/** koffi as it is, for this machine's kind alone; of what is bundled, name and terms. */
function putModules(root: string): void {
  const modules = join(root, LIB, 'node_modules');
  const native = `@koromix/koffi-${process.platform}-${process.arch}`;
  const copy = (path: string): void =>
    cpSync(join(ROOT, 'node_modules', path), join(modules, path), { recursive: true });
  for (const path of ['package.json', 'LICENSE.txt', 'index.js', 'index.cjs', 'indirect.js', 'indirect.cjs'])
    copy(`koffi/${path}`);
  copy('koffi/src');
  copy('koffi/lib');
  for (const path of ['package.json', 'index.js', `${process.platform}_${process.arch}`])
    copy(`${native}/${path}`);
  for (const name of dependencies()) {
    if (name === 'koffi') continue;
    const folder = join(ROOT, 'node_modules', name);
    for (const file of readdirSync(folder))
      if (file === 'package.json' || /^licen[cs]e/i.test(file)) copy(`${name}/${file}`);
  }
}

function dependencies(): string[] {
  const manifest: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  if (typeof manifest !== 'object' || manifest === null || !('dependencies' in manifest)) return [];
  const { dependencies: all } = manifest;
  return typeof all === 'object' && all !== null ? Object.keys(all) : [];
}

const rhumb = (...args: string[]): string =>
  execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', 'src-cli/main.ts', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
  });

const completions = (): readonly (readonly [string, string])[] => [
  ['/usr/share/bash-completion/completions/rhumb', rhumb('completion', 'bash')],
  ['/usr/share/zsh/vendor-completions/_rhumb', rhumb('completion', 'zsh')],
  ['/usr/share/fish/vendor_completions.d/rhumb.fish', rhumb('completion', 'fish')],
];

function manuals(): readonly (readonly [string, string])[] {
  const folder = mkdtempSync(join(tmpdir(), 'rhumb-man-'));
  try {
    execFileSync(process.execPath, ['tools/cli-docs.ts', folder], { cwd: ROOT });
    return readdirSync(folder)
      .sort()
      .map((file) => [
        `/usr/share/man/man${file.at(-1)}/${basename(file)}.gz`,
        readFileSync(join(folder, file), 'utf8'),
      ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const copyright = (): string => `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Rhumb

Files: *
License: BSD-3-Clause
 See the file LICENSE beside this one.

Files: usr/lib/rhumb/node
License: MIT
 Node.js and its parts; see https://github.com/nodejs/node/blob/main/LICENSE

Files: usr/lib/rhumb/librhumb_engine.so
License: BSD-3-Clause and those of its parts
 Names, versions and terms of the crates in it are in usr/lib/rhumb/native; the standard library of Rust is under
 MIT or Apache-2.0, see https://github.com/rust-lang/rust/blob/master/COPYRIGHT

Files: usr/lib/rhumb/node_modules/* usr/lib/rhumb/app/*
License: see each package
 Names, versions and terms are in usr/lib/rhumb/node_modules/*/package.json and the licence files beside them;
 "rhumb licenses" lists them.
`;

/** The same whoever builds, and with whatever umask. */
function settleModes(root: string): void {
  const walk = (folder: string): void => {
    chmodSync(folder, 0o755);
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const info = statSync(path);
      if (info.isDirectory()) walk(path);
      else if (!isProgram(path)) chmodSync(path, 0o644);
    }
  };
  walk(root);
}

const isProgram = (path: string): boolean =>
  /\/usr\/s?bin\/|\/usr\/lib\/rhumb\/(?:node|rhumb-helper|maintain)$/.test(path);
