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

/** `rhumb licenses`. */
export const licenses: Action = async (context) => {
  const own = manifest.parse(JSON.parse(await context.readFile(join(ROOT, 'package.json'))));
  const parts = await Promise.all(Object.keys(own.dependencies ?? {}).map((name) => partOf(context, name)));
  const node = `Node.js\t${process.versions.node}\tMIT and those of its parts\n`;
  context.out(`Rhumb is free software: ${own.license ?? 'see the file LICENSE'}. It is made with:\n\n`);
  context.out(elastic(node + parts.join(''), { minWidth: 0, padding: 2 }));
  return 0;
};

async function partOf(context: Context, name: string): Promise<string> {
  const text = await context.readFile(join(ROOT, 'node_modules', name, 'package.json')).catch(() => '{}');
  const { version = '', license = 'see its package' } = manifest.parse(JSON.parse(text));
  return `${name}\t${version}\t${license}\n`;
}
