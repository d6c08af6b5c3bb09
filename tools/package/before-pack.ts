/** Before electron-builder packs: what a package's installer will start must be there, or nobody would notice until it is installed. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const ARCHITECTURES: Readonly<Record<number, string>> = { 1: 'x64', 3: 'arm64' };

/** By electron-builder's name of a system: what the service definition of it starts. */
const NEEDED: Readonly<Record<string, (architecture: string) => readonly string[]>> = {
  linux: () => ['dist/daemon/linux/usr/sbin/rhumbd', 'dist/daemon/linux/usr/lib/rhumb/maintain'],
  win32: (arch) => [`dist/daemon/win32-${arch}/rhumbd.exe`, `dist/daemon/win32-${arch}/rhumb.exe`],
  darwin: (arch) => [`dist/daemon/darwin-${arch}/rhumbd`, `dist/daemon/darwin-${arch}/rhumb`],
};

interface Packing {
  readonly electronPlatformName: string;
  readonly arch: number;
}

/** What is missing of it. */
export const missingFor = ({ electronPlatformName, arch }: Packing, has = existsSync): readonly string[] =>
  (NEEDED[electronPlatformName]?.(ARCHITECTURES[arch] ?? String(arch)) ?? []).filter(
    (path) => !has(join(ROOT, path)),
  );

export function beforePack(packing: Packing): void {
  const missing = missingFor(packing);
  if (missing.length > 0)
    throw new Error(
      `build the daemon of this system first (tools/package-app.ts); missing: ${missing.join(', ')}`,
    );
}
