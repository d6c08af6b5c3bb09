/** What the packages of the desktop program are made from, as far as it can be proved without Electron (desktop.md §16.5). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { PLIST } from '../../src-main/service/darwin.ts';
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
    expect(verbs.sort()).toEqual(['enable-forwarding', 'grant-operator', 'install', 'restart', 'start']);
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
      expect(run('enable-forwarding', '/etc/passwd')).toBe(2);
      rmSync(folder, { recursive: true });
    },
  );
});

/** What the helper writes is seen by nobody else, and the network that forwards is one of its own. */
const ALONE = ['--mount', '--net', 'sh', '-euc'];
const hasNamespaces = spawnSync('unshare', [...ALONE, 'mount -t tmpfs none /etc/sysctl.d']).status === 0;

test.skipIf(!hasNamespaces)(
  `S19: forwarding is switched on by the helper as the daemon wants it${hasNamespaces ? '' : ' (needs namespaces)'}`,
  () => {
    const check = `import(${JSON.stringify(join(ROOT, 'src-daemon/router/forwarding.ts'))}).then((m) => console.log(JSON.stringify(m.checkForwarding(['0.0.0.0/0', '::/0'], m.systemForwarding()))))`;
    const { stdout, stderr } = spawnSync(
      'unshare',
      [
        ...ALONE,
        `mount -t tmpfs none /etc/sysctl.d
        sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
        "$1" -e "$2"
        sh "$3" enable-forwarding
        ls -l /etc/sysctl.d/99-rhumb.conf
        "$1" -e "$2"`,
        'sh',
        process.execPath,
        check,
        join(RESOURCES, 'linux/rhumb-helper'),
      ],
      { encoding: 'utf8', cwd: ROOT },
    );
    const lines = stdout.trim().split('\n');
    const remedy = /printf '[^']+' > (\S+); (sysctl -p \S+)$/.exec(JSON.parse(lines[0] ?? '""'));
    expect(remedy?.[1], stderr).toBe('/etc/sysctl.d/99-rhumb.conf');
    expect(text('resources/linux/rhumb-helper')).toContain(
      remedy?.[0].split(' > ')[0]?.replaceAll('\n', '\\n') ?? 'nothing',
    );
    expect(stdout).toMatch(/^-rw-r--r-- 1 root root/m);
    expect(lines.at(-1)).toBe('""');
  },
);

/** What `unshare` says on such a system; the script runs as root, and asks for people. */
test.skipIf(!hasNamespaces).each([
  ['everybody may make namespaces', 'exit 0', '755'],
  ['root alone may make namespaces', '[ "$(/usr/bin/id -u)" = 0 ]', '4755'],
  ['people may do nothing in those that they make', 'case "$*" in *--map-root-user*) exit 1 ;; esac', '4755'],
])(
  `S1: where %s, the sandbox is lent what it needs and no more${hasNamespaces ? '' : ' (needs namespaces)'}`,
  (_where, answer, mode) => {
    const { stdout, stderr } = spawnSync(
      'unshare',
      [
        ...ALONE,
        `mount -t tmpfs -o mode=755 none /opt
      mkdir /opt/Rhumb /opt/bin
      for name in chmod setpriv; do ln -s "$(command -v "$name")" "/opt/bin/$name"; done
      printf '#!/bin/sh\n' >/opt/bin/ln
      printf '#!/bin/sh\n%s\n' "$2" >/opt/bin/unshare
      : >/opt/Rhumb/chrome-sandbox
      chmod 755 /opt/bin/ln /opt/bin/unshare
      PATH=/opt/bin /bin/sh "$1" >&2
      stat -c %a /opt/Rhumb/chrome-sandbox`,
        ...['sh', join(RESOURCES, 'linux/after-install.sh'), answer],
      ],
      { encoding: 'utf8' },
    );
    expect(stdout.trim(), stderr).toBe(mode);
  },
);

const SCRIPTS = [
  'resources/linux/after-install.sh',
  'resources/linux/after-remove.sh',
  'resources/linux/before-remove.sh',
  'resources/linux/maintain',
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
  // electron-builder puts values in the place of such words.
  expect(text(path)).not.toMatch(/\$\{[a-zA-Z]+\}|<%/);
});

const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0;

test.skipIf(!hasShellcheck).each([...SCRIPTS, 'e2e/package/installed.sh'])(
  `shellcheck finds nothing in %s${hasShellcheck ? '' : ' (needs shellcheck)'}`,
  (path) => {
    const { status, stdout } = spawnSync('shellcheck', [join(ROOT, path)], { encoding: 'utf8' });
    expect(status, stdout).toBe(0);
  },
);

interface Plist {
  readonly plist: {
    readonly dict: {
      readonly key: readonly string[];
      readonly string: readonly string[];
      readonly array: readonly { readonly string: string | readonly string[] }[];
    };
  };
}

test('launchd’s job has the name that the program asks for, and starts what the package brings', () => {
  const xml = text('resources/launchd/io.rhumb.rhumbd.plist');
  expect(XMLValidator.validate(xml)).toBe(true);
  const { dict } = (new XMLParser().parse(xml) as Plist).plist;
  expect(dict.key).toEqual(
    expect.arrayContaining([
      'Label',
      'ProgramArguments',
      'AssociatedBundleIdentifiers',
      'RunAtLoad',
      'KeepAlive',
    ]),
  );
  expect(`${dict.string[0]}.plist`).toBe(PLIST);
  const [program, ...flags] = dict.array[0]?.string ?? [];
  expect(program).toBe('/Applications/Rhumb.app/Contents/Resources/daemon/rhumbd');
  const known = text('src-daemon/flags.ts');
  for (const flag of flags) expect(known, flag).toContain(flag.slice(0, flag.indexOf('=')));
  expect(dict.array[1]?.string).toBe(config['appId']);
  const script = text('resources/launchd/scripts/postinstall');
  for (const path of [PLIST, 'Contents/Resources/daemon/rhumbd', 'Contents/Library/LaunchDaemons'])
    expect(script, path).toContain(path);
  const { mac } = config as {
    mac: Record<'extraResources' | 'extraFiles', readonly { from: string; to: string }[]>;
  };
  expect(mac.extraFiles).toContainEqual({
    from: `resources/launchd/${PLIST}`,
    to: `Library/LaunchDaemons/${PLIST}`,
  });
  // biome-ignore lint/suspicious/noTemplateCurlyInString: electron-builder's own variable
  expect(mac.extraResources).toContainEqual({ from: 'dist/daemon/darwin-${arch}', to: 'daemon' });
});

test('the Windows installer’s macros are balanced, and every path in them is the system’s or comes with the package', () => {
  const nsh = text('resources/windows/installer.nsh');
  expect(nsh.match(/^!macro /gm)?.length).toBe(nsh.match(/^!macroend/gm)?.length);
  expect(nsh.match(/\$\{If(?:Not)?\}/g)?.length).toBe(nsh.match(/\$\{EndIf\}/g)?.length);
  for (const [line] of nsh.matchAll(/nsExec::.*$/gm)) expect(line).toMatch(/'"\$SYSDIR\\(?:sc|net)\.exe" /);
  const named = [...nsh.matchAll(/\$INSTDIR\\([\w\\]+\.exe)/g)].map(([, path]) => path);
  expect(new Set(named)).toEqual(new Set(['resources\\daemon\\rhumbd.exe']));
  const { win } = config as { win: { extraResources: readonly { from: string; to: string }[] } };
  // biome-ignore lint/suspicious/noTemplateCurlyInString: electron-builder's own variable
  expect(win.extraResources).toContainEqual({ from: 'dist/daemon/win32-${arch}', to: 'daemon' });
  // Our own question takes the place of the template's, which then leaves these out.
  const template = readFileSync(
    join(ROOT, 'node_modules/app-builder-lib/templates/nsis/include/allowOnlyOneInstallerInstance.nsh'),
    'utf8',
  );
  const [, leftOut = ''] = /^!ifmacrondef customCheckAppRunning\r?\n([\s\S]*?)^!endif/m.exec(template) ?? [];
  const needed = leftOut
    .trim()
    .split('\n')
    .map((line) => line.trim());
  expect(needed.length).toBe(2);
  for (const line of needed) expect(nsh.split('\n'), line).toContain(line);
  for (const [, macro = ''] of nsh.matchAll(/!insertmacro (\w+)/g))
    expect(template).toContain(`!macro ${macro}`);
  // What is pushed by nsExec is taken from the stack again, or the next one reads it.
  const lines = nsh.split('\n').map((line) => line.trim());
  for (const [n, line] of lines.entries())
    if (line.startsWith('nsExec::')) expect(lines[n + 1], line).toMatch(/^Pop \$\d$/);
});

test('the AppArmor profile allows user namespaces to our program alone', () => {
  const profile = text('resources/apparmor/rhumb-desktop');
  expect(profile).toContain('profile rhumb-desktop /opt/Rhumb/rhumb-desktop flags=(unconfined) {');
  expect(profile).toMatch(/^\s*userns,$/m);
});
