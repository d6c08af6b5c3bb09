/** Random bytes for keys and nonces, from the operating system. */
import { randomBytes as osRandom } from 'node:crypto';

/** A fresh array that owns its memory (not a slice of Node's pool). */
export function randomBytes(length: number): Uint8Array {
  const out = new Uint8Array(length);
  out.set(osRandom(length));
  return out;
}
