/**
 * `npm run check:targets`: type-checks and lints the native engine for other systems, those whose standard library is
 * installed (`rustup target add NAME`), and says which are not. Nothing is linked, so that a compiler which makes empty
 * files does for the C parts of `ring`, and no system's headers are needed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const TARGETS = [
  'aarch64-apple-darwin',
  'x86_64-apple-darwin',
  'x86_64-pc-windows-msvc',
  'x86_64-pc-windows-gnu',
  'aarch64-pc-windows-msvc',
  'aarch64-unknown-linux-gnu',
  'armv7-unknown-linux-gnueabihf',
  'x86_64-unknown-linux-musl',
];

/** Answers what a build asks, and makes every file that is to be made. */
const EMPTY_COMPILER = `#!/bin/sh
for word in "$@"; do
  case "$previous" in -o) : > "$word" ;; esac
  case "$word" in
    -E) echo clang; exit 0 ;;
    -Fo*) : > "\${word#-Fo}" ;;
    -out:*) : > "\${word#-out:}" ;;
    *.a | *.lib) : > "$word" ;;
  esac
  previous=$word
done
`;

const native = join(import.meta.dirname, '../native');
const rust = (...argv: string[]): string =>
  execFileSync('rustc', argv, { cwd: native, encoding: 'utf8' }).trim();

const folder = mkdtempSync(join(tmpdir(), 'rhumb-targets-'));
try {
  // `ring` asks for one by this name; what this machine itself builds with is another.
  const compiler = join(folder, 'clang');
  writeFileSync(compiler, EMPTY_COMPILER, { mode: 0o755 });
  const libraries = join(rust('--print', 'sysroot'), 'lib/rustlib');
  for (const target of TARGETS) {
    if (!existsSync(join(libraries, target))) {
      console.log(`${target}: not installed here`);
      continue;
    }
    const variable = target.replaceAll('-', '_');
    // A folder of its own: what is made with the empty compiler must get into no library.
    const argv = ['clippy', '--locked', '--quiet', '--lib', '--tests', '--target', target];
    const { status, stderr } = spawnSync(
      'cargo',
      [...argv, '--target-dir', 'target/check-targets', '--', '-D', 'warnings'],
      {
        cwd: native,
        encoding: 'utf8',
        env: {
          ...process.env,
          PATH: `${folder}${delimiter}${process.env['PATH']}`,
          [`CC_${variable}`]: compiler,
          [`AR_${variable}`]: compiler,
          NO_COLOR: '1',
        },
      },
    );
    console.log(`${target}: ${status === 0 ? 'checked' : `failed\n${stderr}`}`);
    if (status !== 0) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
