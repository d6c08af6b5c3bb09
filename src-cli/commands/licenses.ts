/** `rhumb licenses`: what this program is made of and under which terms. */
import { join } from 'node:path';
import { z } from 'zod';
import { elastic } from '../print/table.ts';
import type { Context } from './context.ts';
import type { Action } from './spec.ts';

const ROOT = join(import.meta.dirname, '../..');

const manifest = z.looseObject({
  version: z.string().optional(),
  license: z.string().optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
});

/** In the native engine; its list comes with a package. */
const crates = z.array(z.object({ name: z.string(), version: z.string(), license: z.string() }));

/** `rhumb licenses`. */
export const licenses: Action = async (context) => {
  const own = manifest.parse(JSON.parse(await context.readFile(join(ROOT, 'package.json'))));
  const parts = await Promise.all(Object.keys(own.dependencies ?? {}).map((name) => partOf(context, name)));
  const node = line('Node.js', process.versions.node, 'MIT and those of its parts');
  context.out(`Rhumb is free software: ${own.license ?? 'see the file LICENSE'}. It is made with:\n\n`);
  const native = await context.readFile(join(ROOT, 'native/crates.json')).catch(() => '[]');
  const inEngine = crates
    .parse(JSON.parse(native))
    .map(({ name, version, license }) => line(name, version, license));
  context.out(elastic([node, ...parts, ...inEngine].join(''), { minWidth: 0, padding: 2 }));
  return 0;
};

const line = (name: string, version: string, license: string): string => `${name}\t${version}\t${license}\n`;

async function partOf(context: Context, name: string): Promise<string> {
  const text = await context.readFile(join(ROOT, 'node_modules', name, 'package.json')).catch(() => '{}');
  const { version = '', license = 'see its package' } = manifest.parse(JSON.parse(text));
  return line(name, version, license);
}
