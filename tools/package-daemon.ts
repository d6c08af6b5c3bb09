/** `npm run package:daemon`: daemon, command line and coordination server as a .deb and a .tar.gz, without the desktop program. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { VERSION } from '../src-shared/version.ts';
import { debianVersion, makeDeb } from './package/deb.ts';
import { layOut } from './package/tree.ts';

const ROOT = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: { out: { type: 'string' }, fast: { type: 'boolean' }, 'no-tar': { type: 'boolean' } },
});

/** Of the last commit, so that the same sources make the same package. */
function epoch(): number {
  const given = Number(process.env['SOURCE_DATE_EPOCH']);
  if (Number.isInteger(given) && given > 0) return given;
  return Number(execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, encoding: 'utf8' }));
}

const out = values.out ?? join(ROOT, 'dist/packages');
mkdirSync(out, { recursive: true });
const root = mkdtempSync(join(tmpdir(), 'rhumb-package-'));
try {
  await layOut(root);
  const seconds = epoch();
  if (values['no-tar'] !== true) {
    const tar = join(out, `rhumb-daemon-${VERSION}-${process.platform}-${process.arch}.tar.gz`);
    const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${seconds}`];
    execFileSync('tar', [
      '-C',
      root,
      ...same,
      '-I',
      values.fast === true ? 'gzip -n1' : 'gzip -n9',
      '-cf',
      tar,
      '.',
    ]);
    console.log(tar);
  }
  const deb = join(
    out,
    `rhumb-daemon_${debianVersion(VERSION)}_${process.arch === 'x64' ? 'amd64' : process.arch}.deb`,
  );
  makeDeb({
    root,
    output: deb,
    version: VERSION,
    epoch: seconds,
    compression: values.fast === true ? { kind: 'gzip', level: 1 } : { kind: 'xz', level: 6 },
  });
  console.log(deb);
} finally {
  rmSync(root, { recursive: true, force: true });
}
