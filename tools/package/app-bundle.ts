/** The desktop program as Electron takes it: one module for the main process, one CommonJS file for the preload. */
import { join } from 'node:path';
import { build } from 'vite';
import { calls, events } from '../../src-shared/bridge/contract.ts';

const ROOT = join(import.meta.dirname, '../..');
const alias = { '#shared': join(ROOT, 'src-shared') };

/** `folder` gets `main/main.js` and `preload/preload.cjs`. */
export async function bundleApp(folder: string): Promise<void> {
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'error',
    resolve: { alias },
    define: { UPDATE_FEED: JSON.stringify(process.env['RHUMB_UPDATE_FEED'] ?? '') },
    // The updater finds its own files; everything else is inside.
    ssr: { noExternal: true, external: ['electron', 'electron-updater'] },
    build: {
      ssr: true,
      outDir: join(folder, 'main'),
      emptyOutDir: true,
      target: 'node24',
      minify: false,
      rolldownOptions: {
        input: { main: join(ROOT, 'src-main/main.ts') },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'part-[hash].js' },
      },
    },
  });
  await bundlePreload(folder);
}

/** `folder` gets `preload/preload.cjs`. */
export async function bundlePreload(folder: string): Promise<void> {
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'error',
    define: {
      CALL_NAMES: JSON.stringify(Object.keys(calls)),
      EVENT_NAMES: JSON.stringify(Object.keys(events)),
    },
    build: {
      ssr: true,
      outDir: join(folder, 'preload'),
      emptyOutDir: true,
      target: 'chrome140',
      minify: true,
      rolldownOptions: {
        external: ['electron'],
        input: { preload: join(ROOT, 'src-main/preload/preload.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  });
}
