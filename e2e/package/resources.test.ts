/** What the packages of the desktop program are made from, as far as it can be proved without Electron (desktop.md §16.5). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { LOOKS, TRAY_ICONS } from '../../tools/package/drawings.ts';

const ROOT = join(import.meta.dirname, '../..');
const RESOURCES = join(ROOT, 'resources');
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const config = parse(text('electron-builder.yml')) as Readonly<Record<string, unknown>>;

test('electron-builder takes its configuration as valid', async () => {
  const { validateConfiguration } = createRequire(import.meta.url)(
    'app-builder-lib/out/util/config/config.js',
  ) as {
    validateConfiguration: (config: object, log: { add: () => void; isEnabled: boolean }) => Promise<void>;
  };
  await expect(
    validateConfiguration(config, { add: () => undefined, isEnabled: false }),
  ).resolves.toBeUndefined();
  await expect(
    validateConfiguration({ ...config, asra: true }, { add: () => undefined, isEnabled: false }),
  ).rejects.toThrow('asra');
});

test('S10: the fuses close every way to run other code with our program', () => {
  expect(config['electronFuses']).toEqual({
    runAsNode: false,
    enableCookieEncryption: false,
    enableNodeOptionsEnvironmentVariable: false,
    enableNodeCliInspectArguments: false,
    enableEmbeddedAsarIntegrityValidation: true,
    onlyLoadAppFromAsar: true,
    loadBrowserProcessSpecificV8Snapshot: false,
    grantFileProtocolExtraPrivileges: false,
  });
});

test('S18: Electron is of a line that is looked after', () => {
  const { devDependencies } = JSON.parse(text('package.json')) as { devDependencies: Record<string, string> };
  expect(Number.parseInt(devDependencies['electron'] ?? '', 10)).toBeGreaterThanOrEqual(45);
});

test('S22: nothing is published and no feed is asked until one is configured', () => {
  expect(config['publish']).toBeNull();
});

test('every file that the configuration names is there', () => {
  const named = [...text('electron-builder.yml').matchAll(/\bresources\/[\w./-]+\w/g)].map(([path]) => path);
  expect(named.length).toBeGreaterThan(5);
  for (const path of named) expect(statSync(join(ROOT, path), { throwIfNoEntry: false }), path).toBeDefined();
});

test('each drawing of the tray is there, in each look and size', () => {
  const files = new Set(readdirSync(join(RESOURCES, 'tray')));
  const png = (name: string): number => readFileSync(join(RESOURCES, 'tray', name)).readUInt32BE(16);
  for (const icon of TRAY_ICONS)
    for (const look of LOOKS)
      for (const attention of ['', '-attention']) {
        const base = `${icon}${attention}${look === 'Template' ? look : `-${look}`}`;
        expect(png(`${base}@2x.png`)).toBe(2 * png(`${base}.png`));
        if (look !== 'Template') expect(files, base).toContain(`${base}.ico`);
      }
});

describe('S19: polkit', () => {
  const xml = text('resources/polkit/io.rhumb.policy');
  interface Action {
    readonly '@_id': string;
    readonly defaults: Readonly<Record<string, string>>;
    readonly annotate: readonly { readonly '#text': string; readonly '@_key': string }[];
  }
  const { policyconfig } = new XMLParser({ ignoreAttributes: false }).parse(xml) as {
    policyconfig: { action: readonly Action[] };
  };

  test('has an action for each word of the helper, and each asks for an administrator', () => {
    expect(XMLValidator.validate(xml)).toBe(true);
    const helper = text('resources/linux/rhumb-helper');
    const verbs = policyconfig.action.map(
      ({ annotate }) => annotate.find((one) => one['@_key'].endsWith('argv1'))?.['#text'] ?? '',
    );
    expect(verbs.sort()).toEqual(['grant-operator', 'install', 'restart', 'start']);
    for (const verb of verbs) expect(helper).toMatch(new RegExp(`^${verb}\\)$`, 'm'));
    for (const { defaults, annotate } of policyconfig.action) {
      for (const how of Object.values(defaults)) expect(how).toMatch(/^auth_admin(?:_keep)?$/);
      expect(annotate[0]?.['#text']).toBe('/usr/lib/rhumb/rhumb-helper');
    }
  });

  test.skipIf(process.platform === 'win32')(
    'the helper takes its own words alone, and nothing from the caller',
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'rhumb-helper-'));
      const run = (...args: string[]): number | null =>
        spawnSync('sh', [join(RESOURCES, 'linux/rhumb-helper'), ...args], { env: { PKEXEC_UID: '0; id' } })
          .status;
      expect(run()).toBe(2);
      expect(run('stop')).toBe(2);
      expect(run('start', 'evil.service')).toBe(2);
      expect(run('grant-operator')).toBe(2);
      rmSync(folder, { recursive: true });
    },
  );
});

const SCRIPTS = [
  'resources/linux/after-install.sh',
  'resources/linux/after-remove.sh',
  'resources/linux/rhumb-helper',
  'resources/linux/deb/postinst',
  'resources/linux/deb/prerm',
  'resources/linux/deb/postrm',
  'resources/launchd/scripts/postinstall',
];

test.skipIf(process.platform === 'win32').each(SCRIPTS)('%s is a sound script', (path) => {
  expect(spawnSync('sh', ['-n', join(ROOT, path)], { encoding: 'utf8' }).stderr).toBe('');
  expect(text(path)).toMatch(/^#!\/bin\/sh\n(?:#.*\n)+set -eu?\n/);
  expect(statSync(join(ROOT, path)).mode & 0o111).not.toBe(0);
  const { status, stdout, error } = spawnSync('shellcheck', [join(ROOT, path)], { encoding: 'utf8' });
  if (error === undefined) expect(status, stdout).toBe(0);
});

test('launchd’s job has the name that the program asks for', () => {
  const plist = text('resources/launchd/io.rhumb.rhumbd.plist');
  expect(XMLValidator.validate(plist)).toBe(true);
  expect(plist).toMatch(/<key>Label<\/key>\s*<string>io\.rhumb\.rhumbd<\/string>/);
  expect(plist).toMatch(/<key>KeepAlive<\/key>\s*<true\/>/);
});

test('the Windows installer’s macros are balanced, and run system programs by their whole path', () => {
  const nsh = text('resources/windows/installer.nsh');
  expect(nsh.match(/^!macro /gm)?.length).toBe(nsh.match(/^!macroend/gm)?.length);
  expect(nsh.match(/\$\{If(?:Not)?\}/g)?.length).toBe(nsh.match(/\$\{EndIf\}/g)?.length);
  for (const [line] of nsh.matchAll(/nsExec::.*$/gm)) expect(line).toMatch(/'"\$SYSDIR\\sc\.exe" /);
});

test('the AppArmor profile allows user namespaces to our program alone', () => {
  const profile = text('resources/apparmor/rhumb-desktop');
  expect(profile).toContain('profile rhumb-desktop /opt/Rhumb/rhumb-desktop flags=(unconfined) {');
  expect(profile).toMatch(/^\s*userns,$/m);
});
