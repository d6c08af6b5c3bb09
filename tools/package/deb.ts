/** A folder of files as a Debian package: the same bytes whenever and wherever it is built. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface DebOptions {
  readonly root: string;
  readonly output: string;
  readonly version: string;
  /** Seconds since 1970; the date of every file in it. */
  readonly epoch: number;
  /** `gzip` with a low level is for tests. */
  readonly compression: { readonly kind: 'xz' | 'gzip'; readonly level: number };
}

const ROOT = join(import.meta.dirname, '../..');
const SCRIPTS = ['postinst', 'prerm', 'postrm'] as const;
const CONFIGURATION = ['/etc/default/rhumbd'];
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'armhf' };

/** `1.2.3-rc.1` comes before `1.2.3`, which Debian writes with a tilde. */
export const debianVersion = (version: string): string => version.replace('-', '~');

export function makeDeb({ root, output, version, epoch, compression }: DebOptions): void {
  const files = listed(root);
  const control = join(root, 'DEBIAN');
  mkdirSync(control, { recursive: true });
  chmodSync(control, 0o755);
  const sums = files.map(
    (path) =>
      `${createHash('md5')
        .update(readFileSync(join(root, path)))
        .digest('hex')}  ${path}`,
  );
  writeFileSync(join(control, 'md5sums'), `${sums.join('\n')}\n`, { mode: 0o644 });
  writeFileSync(join(control, 'conffiles'), `${CONFIGURATION.join('\n')}\n`, { mode: 0o644 });
  const bytes = files.reduce((sum, path) => sum + statSync(join(root, path)).size, 0);
  writeFileSync(join(control, 'control'), controlFile(version, Math.ceil(bytes / 1024)), { mode: 0o644 });
  for (const name of SCRIPTS) {
    writeFileSync(join(control, name), readFileSync(join(ROOT, 'resources/linux/deb', name)));
    chmodSync(join(control, name), 0o755);
  }
  execFileSync(
    'dpkg-deb',
    ['--root-owner-group', `-Z${compression.kind}`, `-z${compression.level}`, '--build', root, output],
    { env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) }, stdio: ['ignore', 'ignore', 'inherit'] },
  );
}

function listed(root: string): string[] {
  const found: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else found.push(relative(root, path));
    }
  };
  walk(root);
  return found.filter((path) => !path.startsWith('DEBIAN/')).sort();
}

const controlFile = (version: string, kilobytes: number): string => `Package: rhumb-daemon
Version: ${debianVersion(version)}
Architecture: ${ARCHITECTURES[process.arch] ?? process.arch}
Maintainer: Rhumb <packages@rhumb.invalid>
Installed-Size: ${kilobytes}
Depends: libc6 (>= 2.28), libstdc++6, libgcc-s1, iproute2
Recommends: nftables, polkitd | policykit-1
Section: net
Priority: optional
Description: mesh VPN: daemon, command line and coordination server
 Joins this machine to a private network of machines, over WireGuard, directly
 wherever a direct path can exist. Works with Rhumb's own coordination server,
 which is included, and with others that speak the same protocol.
 .
 This package needs no desktop: it brings its own runtime and the web interface.
`;
