/**
 * The desktop program as electron-builder packs it, from a stand-in for Electron's binary: what goes into the archive, what is
 * burnt into the binary, and what Debian's package is made of. Only the last step, by a program that is not here, is left out.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VERSION } from '#shared/version.ts';
import { bundleApp } from '../../tools/package/app-bundle.ts';
import { missingFor } from '../../tools/package/before-pack.ts';
import { readFuses, SENTINEL, WANTED_FUSES } from '../../tools/package/fuses.ts';

const ROOT = join(import.meta.dirname, '../..');
const load = createRequire(join(ROOT, 'package.json'));

interface Builder {
  readonly build: (options: object) => Promise<unknown>;
  readonly Platform: { readonly LINUX: { readonly createTarget: (targets: readonly string[]) => unknown } };
}
interface Asar {
  readonly listPackage: (archive: string, options: { isPack: boolean }) => readonly string[];
  readonly extractFile: (archive: string, path: string) => Buffer;
}

const reason = process.platform === 'linux' ? undefined : 'needs Linux';
let folder = '';
let fpm: readonly string[] = [];
let desktopFile = '';
let scripts: Readonly<Record<string, string>> = {};

/** As much of Electron as electron-builder looks at: the wire of fuses, all as they are delivered. */
function standIn(): string {
  const dist = join(folder, 'electron');
  const put = (name: string, content: string | Buffer, mode = 0o644): void => {
    mkdirSync(dirname(join(dist, name)), { recursive: true });
    writeFileSync(join(dist, name), content, { mode });
  };
  const wire = Buffer.concat([Buffer.from(SENTINEL), Buffer.from([1, 9]), Buffer.from('101111001')]);
  put('electron', Buffer.concat([Buffer.alloc(1_000, 1), wire, Buffer.alloc(1_000, 2)]), 0o755);
  put('chrome-sandbox', '', 0o755);
  put('locales/en-US.pak', '');
  put('resources/.keep', '');
  for (const name of ['version', 'LICENSE', 'LICENSES.chromium.html']) put(name, name);
  return dist;
}

async function pack(change: object = {}): Promise<void> {
  const { build, Platform } = load('electron-builder') as Builder;
  await build({
    targets: Platform.LINUX.createTarget(['deb']),
    projectDir: ROOT,
    publish: 'never',
    config: {
      extends: join(ROOT, 'electron-builder.yml'),
      electronDist: standIn(),
      directories: { output: join(folder, 'out') },
      beforePack: () => undefined,
      ...change,
    },
    effectiveOptionComputed: async ([args, file]: [readonly string[], string]) => {
      fpm = args;
      desktopFile = readFileSync(file, 'utf8');
      const flags = ['--after-install', '--after-remove'];
      scripts = Object.fromEntries(flags.map((flag) => [flag, readFileSync(after(flag), 'utf8')]));
      return true;
    },
  });
}

const after = (flag: string): string => fpm[fpm.indexOf(flag) + 1] ?? '';
const packed = (): string => join(folder, 'out/linux-unpacked');

beforeAll(async () => {
  if (reason !== undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'rhumb-desktop-'));
  await bundleApp(join(ROOT, 'dist'));
  await pack();
}, 300_000);

afterAll(() => {
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(reason !== undefined)('the desktop program, packed', () => {
  const archive = (): string => join(packed(), 'resources/app.asar');
  const { listPackage, extractFile } = load('@electron/asar') as Asar;

  test('S10: the fuses are burnt into the binary', () => {
    expect(readFuses(join(packed(), 'rhumb-desktop'))).toEqual(WANTED_FUSES);
  });

  test('the archive holds the program, its page and its icons, and nothing that is only for building it', () => {
    const files = listPackage(archive(), { isPack: false }).map((path) => path.slice(1));
    for (const path of [
      'dist/main/main.js',
      'dist/preload/preload.cjs',
      'dist/app/index.html',
      'resources/icons/256.png',
      'resources/tray/on-colour.png',
      'package.json',
    ])
      expect(files, path).toContain(path);
    const tops = new Set(files.map((path) => path.split('/')[0]));
    expect([...tops].sort()).toEqual(['dist', 'node_modules', 'package.json', 'resources']);
    const odd =
      /\.(?:map|ts|tsx|node|so|dll|dylib|log)$|\.test\.|\/\.env|\/(?:test|tests|docs?)\/|koffi|react/i;
    expect(files.filter((path) => odd.test(path))).toEqual([]);
    const modules = new Set(
      files.filter((path) => path.startsWith('node_modules/')).map((path) => path.split('/')[1]),
    );
    expect(modules.size).toBeLessThan(20);
    expect(statSync(archive()).size).toBeLessThan(8_000_000);
  });

  test('everything that the main process imports is in it', () => {
    const files = new Set(listPackage(archive(), { isPack: false }).map((path) => path.slice(1)));
    const main = [...files].filter((path) => /^dist\/main\/.*\.js$/.test(path));
    for (const file of main)
      for (const [, name = ''] of extractFile(archive(), file)
        .toString()
        .matchAll(/^import\b[^'"\n]*["']([^'"\n]+)["']/gm)) {
        if (name.startsWith('./')) expect(files, name).toContain(join('dist/main', name));
        else if (!/^(?:node:|electron$)|^[a-z_]+(?:\/promises)?$/.test(name))
          expect(files, name).toContain(`node_modules/${name}/package.json`);
      }
    const manifest = JSON.parse(extractFile(archive(), 'package.json').toString()) as Record<string, unknown>;
    expect(manifest).toMatchObject({ main: 'dist/main/main.js', desktopName: 'io.rhumb.desktop.desktop' });
  });

  test('what the updater needs of other packages is in it, too', () => {
    const files = new Set(listPackage(archive(), { isPack: false }).map((path) => path.slice(1)));
    const names = new Set([...files].flatMap((path) => /^node_modules\/([^/]+)\//.exec(path)?.[1] ?? []));
    for (const name of names) {
      const manifest = JSON.parse(extractFile(archive(), `node_modules/${name}/package.json`).toString()) as {
        dependencies?: Record<string, string>;
      };
      for (const needed of Object.keys(manifest.dependencies ?? {}))
        expect(names, `${name} needs ${needed}`).toContain(needed);
    }
  });

  test('Debian’s package brings the service too, and takes the place of the one that has it alone', () => {
    for (const flag of ['provides', 'conflicts', 'replaces']) expect(fpm).toContain(`--${flag}=rhumb-daemon`);
    expect(fpm).toContain('--before-remove=resources/linux/before-remove.sh');
    expect(fpm).toContain('dist/daemon/linux/=/');
    expect([after('--name'), after('--version'), after('--architecture')]).toEqual([
      'rhumb',
      VERSION,
      process.arch === 'x64' ? 'amd64' : process.arch,
    ]);
    expect([after('--maintainer'), after('--url')]).toEqual([
      'Rhumb <packages@rhumb.invalid>',
      'https://rhumb.invalid/',
    ]);
    expect(fpm).toContain(`${packed()}/=/opt/Rhumb`);
  });

  test('the maintainers’ scripts are the ones in the tree, and nothing in them was taken for a variable', () => {
    const own = (name: string): string => readFileSync(join(ROOT, 'resources/linux', name), 'utf8');
    expect(scripts['--after-install']).toBe(own('after-install.sh'));
    expect(scripts['--after-remove']).toBe(own('after-remove.sh'));
    expect(readFileSync(join(packed(), 'resources/apparmor-profile'), 'utf8')).toBe(
      readFileSync(join(ROOT, 'resources/apparmor/rhumb-desktop'), 'utf8'),
    );
  });

  test('the desktop knows the program, its windows and its links', () => {
    expect(fpm.some((arg) => arg.endsWith('=/usr/share/applications/io.rhumb.desktop.desktop'))).toBe(true);
    expect(
      fpm.filter((arg) => /=\/usr\/share\/icons\/hicolor\/\d+x\d+\/apps\/rhumb-desktop\.png$/.test(arg))
        .length,
    ).toBe(8);
    for (const line of [
      'Exec=/opt/Rhumb/rhumb-desktop %U',
      'Icon=rhumb-desktop',
      'StartupWMClass=io.rhumb.desktop',
      'MimeType=x-scheme-handler/rhumb;',
      'Categories=Network;',
    ])
      expect(desktopFile.split('\n'), line).toContain(line);
    expect(desktopFile).not.toContain('--no-sandbox');
  });

  test('without the daemon of its system nothing is packed', async () => {
    expect(missingFor({ electronPlatformName: 'darwin', arch: 3 }, () => false)).toEqual([
      'dist/daemon/darwin-arm64/rhumbd',
      'dist/daemon/darwin-arm64/rhumb',
    ]);
    expect(missingFor({ electronPlatformName: 'linux', arch: 1 }, () => true)).toEqual([]);
    const missing = missingFor({ electronPlatformName: 'linux', arch: 1 });
    if (missing.length > 0)
      await expect(pack({ beforePack: 'tools/package/before-pack.ts' })).rejects.toThrow('build the daemon');
  });
});
