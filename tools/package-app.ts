/** `npm run package:app [-- electron-builder's arguments]`: bundles the desktop program, then has electron-builder pack it. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundleApp } from './package/app-bundle.ts';
import { layOut } from './package/tree.ts';

const ROOT = join(import.meta.dirname, '..');
await bundleApp(join(ROOT, 'dist'));
const [only, ...rest] = process.argv.slice(2);
if (only === '--bundle-only') process.exit(0);
if (process.platform === 'linux') {
  // In every package of Linux but the AppImage, which can install nothing.
  const tree = join(ROOT, 'dist/daemon/linux');
  rmSync(tree, { recursive: true, force: true });
  await layOut(tree);
}
const args = only === undefined ? ['--dir'] : [only, ...rest];
const builder = join(ROOT, 'node_modules/electron-builder/cli.js');
const { status } = spawnSync(process.execPath, [builder, ...args], { cwd: ROOT, stdio: 'inherit' });
process.exitCode = status ?? 1;
