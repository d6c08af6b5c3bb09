/** Auth keys that came from Headscale: their bcrypt hashes are compared once, and replaced by ours. */
import { compare } from 'bcryptjs';
import type { Network } from '../state/network.ts';
import { parseAuthKey } from './secrets.ts';

/** `$2a$10$…` as it lies in the database. */
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
/** A hash that takes longer was made to take long. */
const MAX_COST = 12;
/** Each takes a tenth of a second of this thread. */
const MAX_AT_ONCE = 2;
let underWay = 0;

/** Whether a hash is one that can be compared here. */
export const isBcrypt = (hash: string): boolean => Number(BCRYPT.exec(hash)?.[1] ?? MAX_COST + 1) <= MAX_COST;

/** Only where the key's public part is that of an imported one; everything else costs nothing. */
export async function adoptImportedKey(network: Network, text: string): Promise<void> {
  const parsed = parseAuthKey(text);
  const key = parsed === undefined ? undefined : network.authKeyByPrefix(parsed.prefix);
  if (parsed === undefined || key === undefined) return;
  const stored = Buffer.from(key.hash).toString('latin1');
  if (!isBcrypt(stored) || underWay >= MAX_AT_ONCE) return;
  underWay += 1;
  try {
    const secret = text.trim().slice(text.trim().lastIndexOf('-') + 1);
    if (!(await compare(secret, stored))) return;
  } finally {
    underWay -= 1;
  }
  const now = network.authKey(key.id);
  if (now !== undefined)
    await network.save({ writes: [{ put: 'authKey', value: { ...now, hash: parsed.hash } }] });
}
