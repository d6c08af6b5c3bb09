/** The relay's identity on disk: JSON with one private key, made at the first start (nat-traversal.md §1.14). */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { fromHex } from '#shared/bytes/hex.ts';
import { generatePrivate } from '#shared/crypto/x25519.ts';
import { RhumbError } from '#shared/errors.ts';
import { formatPrivate, type PrivateKey, parsePrivateKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { writeFileAtomic } from '#shared/node/atomic-file.ts';
import { codeOf } from '#shared/node/net-error.ts';

const content = z.looseObject({ PrivateKey: z.string() });
const MAX_MESH_FILE = 4_096;

/** A file that is there and wrong is never replaced: somebody may want it back. */
export async function loadOrMakeKey(path: string, log: Log): Promise<PrivateKey> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return makeKey(path, log);
    throw failed('read', path, cause);
  }
  await warnOfReaders(path, log);
  try {
    return parsePrivateKey(content.parse(JSON.parse(text)).PrivateKey);
  } catch (cause) {
    throw new RhumbError(
      'bad-argument',
      `${path} is not a relay's key file: want {"PrivateKey":"privkey:…"}; move it away to get a new key`,
      { cause },
    );
  }
}

async function makeKey(path: string, log: Log): Promise<PrivateKey> {
  const key = generatePrivate();
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFileAtomic(path, `${JSON.stringify({ PrivateKey: formatPrivate(key) }, null, '\t')}\n`);
  } catch (cause) {
    throw failed('write', path, cause);
  }
  log('info', 'key.made', { path });
  return key;
}

async function warnOfReaders(path: string, log: Log): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0)
    log('warn', 'key.readable-by-others', { path, mode: (mode & 0o777).toString(8), advice: 'chmod 600' });
}

/** The secret that relays of one region share: 64 hex digits. */
export async function readMeshKey(path: string): Promise<Uint8Array> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw failed('read', path, cause);
  }
  const key = text.length > MAX_MESH_FILE ? '' : text.trim();
  const bytes = /^[0-9a-f]{64}$/.test(key) ? fromHex(key) : undefined;
  if (bytes === undefined)
    throw new RhumbError('bad-argument', `${path} must hold 64 lowercase hex digits and nothing else`);
  return bytes;
}

function failed(what: string, path: string, cause: unknown): RhumbError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RhumbError('unavailable', `can't ${what} ${path}: ${why}`, { cause });
}
