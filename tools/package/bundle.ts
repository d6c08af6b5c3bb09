/** Our programs as plain JavaScript in one folder: everything inside but what is native. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';

const ROOT = join(import.meta.dirname, '../..');

/** Program by the file that it starts with. */
export const PROGRAMS = {
  rhumbd: 'src-daemon/main.ts',
  rhumb: 'src-cli/main.ts',
  'rhumb-control': 'src-control/main.ts',
} as const;

/**
 * `folder` becomes what a checkout's root is to the sources: they find files by `../..` from where they are, so the code
 * lies two folders deep.
 */
export async function bundlePrograms(folder: string): Promise<void> {
  await bundle(join(folder, 'app/js'), PROGRAMS);
  const web = join(folder, 'app/web');
  mkdirSync(web, { recursive: true });
  copyFileSync(join(ROOT, 'src-control/web/passkey.js'), join(web, 'passkey.js'));
}

async function bundle(outDir: string, input: Readonly<Record<string, string>>): Promise<void> {
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'error',
    resolve: { alias: { '#shared': join(ROOT, 'src-shared') } },
    ssr: { noExternal: true, external: ['koffi'] },
    build: {
      ssr: true,
      outDir,
      emptyOutDir: true,
      target: 'node24',
      // Stack traces of users name functions; size is nothing beside the runtime.
      minify: false,
      rolldownOptions: {
        input: Object.fromEntries(Object.entries(input).map(([name, file]) => [name, join(ROOT, file)])),
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'part-[hash].js' },
      },
    },
  });
}
