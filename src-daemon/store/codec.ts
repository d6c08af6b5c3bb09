/** State file codec: JSON object from key to base64 value. */
import { z } from 'zod';

/** Base64 as Go writes it: standard alphabet, padded. Checked, because Buffer decodes anything. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const file = z.record(z.string().min(1).max(1_024), z.string().regex(BASE64).nullable());

export function encodeState(values: ReadonlyMap<string, Uint8Array>): string {
  const object: Record<string, string> = {};
  for (const key of [...values.keys()].sort()) {
    const value = values.get(key);
    if (value !== undefined) object[key] = Buffer.from(value).toString('base64');
  }
  return `${JSON.stringify(object, undefined, 2)}\n`;
}

/** Undefined when the text isn't a whole state file. */
export function decodeState(text: string): Map<string, Uint8Array> | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = file.safeParse(json);
  if (!parsed.success) return undefined;
  const values = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(parsed.data))
    values.set(key, new Uint8Array(Buffer.from(value ?? '', 'base64')));
  return values;
}
