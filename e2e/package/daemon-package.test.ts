/** The package of the daemon and the command line, built, looked into, installed over a copy of this machine, and run. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VERSION } from '#shared/version.ts';

const ROOT = join(import.meta.dirname, '../..');
const MB = 1_000_000;

function whyNot(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  for (const program of ['dpkg-deb', 'unshare', 'chroot', 'nft', 'ip', 'curl'])
    if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) return `needs ${program}`;
  return undefined;
}

const RELOAD = 'systemctl daemon-reload';
const COMES = [RELOAD, 'systemctl enable rhumbd.service', 'systemctl start rhumbd.service'];
const CHANGES = [RELOAD, 'systemctl try-restart rhumbd.service rhumb-control.service'];
const GOES = [
  'systemctl stop rhumbd.service rhumb-control.service',
  'systemctl disable rhumbd.service rhumb-control.service',
];

const reason = whyNot();
/** Where there is none, the package is without the native engine. */
const hasToolchain = spawnSync('cargo', ['--version']).status === 0;
let folder = '';
let deb = '';
let archive = '';

/** Paths of what was built, as the tool says them. */
function buildPackage(...more: readonly string[]): readonly string[] {
  const out = mkdtempSync(join(folder, 'out-'));
  const args = ['tools/package-daemon.ts', '--out', out, '--fast', ...more];
  // As in a release, whoever builds it.
  const env = { ...process.env, SOURCE_DATE_EPOCH: '1700000000' };
  return execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', env }).trim().split('\n');
}

beforeAll(() => {
  if (reason !== undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'rhumb-package-test-'));
  [archive = '', deb = ''] = buildPackage();
}, 300_000);

afterAll(() => {
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(reason !== undefined)(
  `the package of the daemon${reason === undefined ? '' : ` (${reason})`}`,
  () => {
    const field = (name: string): string =>
      execFileSync('dpkg-deb', ['-f', deb, name], { encoding: 'utf8' }).trim();
    const listing = (): readonly (readonly [mode: string, owner: string, path: string])[] =>
      execFileSync('dpkg-deb', ['-c', deb], { encoding: 'utf8', maxBuffer: 16 * MB })
        .trim()
        .split('\n')
        .map((line) => {
          const [mode = '', owner = '', , , , path = ''] = line.split(/\s+/);
          return [mode, owner, path.slice(1)] as const;
        });

    test('says what it is and what it needs', () => {
      expect([field('Package'), field('Version')]).toEqual(['rhumb-daemon', VERSION]);
      expect(field('Depends')).toContain('iproute2');
      expect(statSync(deb).size).toBeLessThan(70 * MB);
    });

    test('holds programs, unit, polkit action, manuals, completions and pages, all of root and none writable by others', () => {
      const files = listing();
      const paths = files.map(([, , path]) => path);
      for (const path of [
        '/usr/sbin/rhumbd',
        '/usr/bin/rhumb',
        '/usr/bin/rhumb-control',
        '/usr/lib/rhumb/node',
        '/usr/lib/rhumb/rhumb-helper',
        '/usr/lib/rhumb/dist/app/index.html',
        '/usr/lib/rhumb/dist/console/index.html',
        '/usr/lib/systemd/system/rhumbd.service',
        '/usr/share/polkit-1/actions/io.rhumb.policy',
        '/usr/share/man/man1/rhumb.1.gz',
        '/usr/share/bash-completion/completions/rhumb',
        '/usr/share/zsh/vendor-completions/_rhumb',
        '/usr/share/fish/vendor_completions.d/rhumb.fish',
        '/usr/share/doc/rhumb-daemon/copyright',
      ])
        expect(paths, path).toContain(path);
      for (const [mode, owner, path] of files) {
        expect(owner, path).toBe('root/root');
        expect(mode, path).toMatch(/^(?:drwxr-xr-x|-rwxr-xr-x|-rw-r--r--)$/);
      }
      const programs = files.filter(([mode]) => mode === '-rwxr-xr-x').map(([, , path]) => path);
      expect(programs.sort()).toEqual([
        '/usr/bin/rhumb',
        '/usr/bin/rhumb-control',
        '/usr/lib/rhumb/maintain',
        '/usr/lib/rhumb/node',
        '/usr/lib/rhumb/rhumb-helper',
        '/usr/sbin/rhumbd',
      ]);
    });

    test('holds the native engine and the terms of all that is in it, where it can be built', () => {
      const paths = listing().map(([, , path]) => path);
      const native = paths.filter((path) => /librhumb_engine|\/native\//.test(path));
      if (!hasToolchain) return expect(native).toEqual([]);
      for (const path of [
        'librhumb_engine.so',
        'native/crates.json',
        'native/ring/LICENSE',
        'native/libc/LICENSE-MIT',
      ])
        expect(native).toContain(`/usr/lib/rhumb/${path}`);
    });

    test('holds no tests, no sources, no secrets, and native code for this machine alone', () => {
      const paths = listing().map(([, , path]) => path);
      expect(paths.filter((path) => /\.test\.|\.ts$|\.map$|\.env|\/testing\//.test(path))).toEqual([]);
      expect(paths.filter((path) => path.endsWith('.node'))).toEqual([
        `/usr/lib/rhumb/node_modules/@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`,
      ]);
      expect(
        paths.filter(
          (path) => /electron/.test(path) && !/electron-updater\/(?:$|package\.json|LICENSE)/.test(path),
        ),
      ).toEqual([]);
    });

    test('is the same, byte for byte, when it is built again', { timeout: 300_000 }, () => {
      const hash = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
      const [again = ''] = buildPackage('--no-tar');
      expect(hash(again)).toBe(hash(deb));
    });

    test('the archive has the same files, for systems without such packages', () => {
      const lines = execFileSync('tar', ['-tvzf', archive], { encoding: 'utf8', maxBuffer: 16 * MB });
      const files = lines
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/))
        .map(([mode = '', owner = '', , , , path = '']) => [
          mode,
          owner.replace('0/0', 'root/root'),
          path.slice(1),
        ]);
      expect(files.sort()).toEqual(
        listing()
          .map((row) => [...row])
          .sort(),
      );
    });

    test('installs, runs, upgrades, leaves the network as it was, and nothing behind', {
      timeout: 300_000,
    }, () => {
      const { status, stdout, stderr } = spawnSync(
        'unshare',
        [
          ...['--mount', '--net', '--pid', '--fork', 'sh', join(import.meta.dirname, 'installed.sh')],
          ...[deb, archive, join(ROOT, 'resources/linux')],
        ],
        { encoding: 'utf8' },
      );
      expect(status, `${stdout}\n${stderr}`).toBe(0);
      const part = (name: string): string[] =>
        (stdout.split(`== ${name}\n`)[1]?.split('\n== ')[0] ?? '').trim().split('\n');
      expect(part('install')).toEqual([...COMES, 'installed']);
      expect(part('again')).toEqual([RELOAD, ...CHANGES]);
      expect(part('versions')).toEqual([VERSION, VERSION, expect.stringMatching(/^Usage: rhumb-control/)]);
      expect(part('licences').sort()).toEqual(['koffi', ...(hasToolchain ? ['libc', 'ring'] : [])]);
      expect(part('hostile environment')).toEqual([VERSION]);
      expect(part('manual')[0]).toMatch(/RHUMB\(1\)/i);
      expect(part('daemon')).toEqual([
        `Daemon: ${VERSION}`,
        'Logged out.',
        `engine: ${hasToolchain ? 'native' : 'portable'}`,
        'rhumbt0',
        'ended in order',
        'no interface left',
      ]);
      expect(part('network')).toEqual(['the way out is closed']);
      expect(part('remove after a crash')).toEqual([
        ...GOES,
        RELOAD,
        'no usr/lib/rhumb',
        'no usr/sbin/rhumbd',
        'var/lib/rhumb',
        'the network is as it was',
      ]);
      // It was in use when it went.
      expect(part('back again')).toEqual(COMES);
      expect(part('remove while it runs')).toEqual([...GOES, RELOAD, 'the network is as it was']);
      expect(part('desktop package')).toEqual([
        ...COMES,
        '-- instead of the other',
        ...[...GOES, RELOAD, ...COMES],
        ...['installed', '/opt/Rhumb/rhumb-desktop', expect.stringMatching(/^(?:4|0?)755$/)],
        '-- again',
        ...CHANGES,
        '-- the other one purged',
        ...[RELOAD, 'var/lib/rhumb/kept'],
        '-- removed',
        ...[...GOES, RELOAD, 'no usr/bin/rhumb-desktop', 'no opt/Rhumb', 'no usr/sbin/rhumbd'],
        '-- purged',
        ...[RELOAD, 'no var/lib/rhumb', 'no etc/default/rhumbd'],
      ]);
      expect(part('archive')).toEqual([VERSION]);
      expect(part('as rpm calls them').filter((line) => !line.startsWith('{'))).toEqual([
        ...['-- after-install.sh 1', ...COMES],
        ...['-- after-install.sh 2', ...CHANGES],
        ...['-- before-remove.sh 1', '-- after-remove.sh 1'],
        ...['-- before-remove.sh 0', ...GOES],
        ...['-- after-remove.sh 0', RELOAD],
      ]);
    });
  },
);
