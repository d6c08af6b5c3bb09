/** The contract over IPC: the real preload, and the real callers of the desktop program's main process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { bundlePreload } from '../../tools/package/app-bundle.ts';
import { openIpcPage } from './ipc-page.ts';
import { bridgeContract } from './suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'rhumb-preload-'));
beforeAll(() => bundlePreload(folder));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

bridgeContract({
  name: 'IPC',
  open: (world, rights) => openIpcPage(join(folder, 'preload/preload.cjs'), world.socketPath, rights),
});
