/** What was changed on this machine, on disk before it is changed, so that a crash can be undone. */
import { readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomic } from '#shared/node/atomic-file.ts';

/** The kernel's limit is 15 bytes; the letters are those that need no quoting in a batch for `ip`. */
export const INTERFACE_NAME: RegExp = /^[A-Za-z0-9_.-]{1,15}$/;

const schema = z.object({
  version: z.literal(1),
  tunName: z.string().regex(INTERFACE_NAME),
  /** `ip/bits` that we put there. Routes and rules need no list: they carry our protocol number. */
  addresses: z.array(z.string().max(64)).max(1_024).readonly(),
  /** As it was before us. */
  before: z.object({ mtu: z.int().min(0), isUp: z.boolean() }),
  /** Rules of the firewall may be there; with what the sysctl of the same name was, when we changed it. */
  firewall: z.object({ srcValidMark: z.string().max(8).optional() }).optional(),
});
export type RouterRecord = z.infer<typeof schema>;

export const writeRecord = (path: string, record: RouterRecord): Promise<void> =>
  writeFileAtomic(path, `${JSON.stringify(record)}\n`);

export const removeRecord = (path: string): Promise<void> => rm(path, { force: true });

/** Undefined when there is none; also when it can't be read, since then there is nothing to go by. */
export async function readRecord(path: string): Promise<RouterRecord | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
