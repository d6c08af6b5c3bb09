/** Writes docs/rhumb-reference.md and, into the folder given, the manual pages of `rhumb`: `node tools/cli-docs.ts [folder]`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { manualPages } from '../src-cli/docs/man.ts';
import { reference } from '../src-cli/docs/reference.ts';
import { rootFlags } from '../src-cli/table/root.ts';
import { allCommands } from '../src-cli/table/table.ts';
import { VERSION } from '../src-shared/version.ts';

const ROOT = join(import.meta.dirname, '..');
const [folder] = process.argv.slice(2);
const flags = rootFlags({});
const commands = allCommands('linux');

writeFileSync(join(ROOT, 'docs/rhumb-reference.md'), reference(flags, commands));
if (folder !== undefined) {
  mkdirSync(folder, { recursive: true });
  const about = 'Join a private network of your machines, and look after it.';
  for (const { file, text } of manualPages({
    program: 'rhumb',
    version: VERSION,
    about,
    rootFlags: flags,
    commands,
  }))
    writeFileSync(join(folder, file), text);
}
