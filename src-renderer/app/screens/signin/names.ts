/** What a device will be called in the network; pure. */

/** A DNS label as control servers make it of what people type: letters, digits and hyphens (RFC 1035 §2.3.1). */
export const dnsLabel = (name: string): string =>
  name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '');

/** `''` as suffix: nobody knows it before the first sign-in. */
export function dnsPreview(name: string, suffix: string): string {
  const label = dnsLabel(name);
  if (label === '') return '—';
  return suffix === '' ? label : `${label}.${suffix}`;
}

/** What no server has ever handed out, or handed out for something else. */
export function keyTrouble(key: string): 'bad' | 'other' | undefined {
  const text = key.trim();
  if (/\s/.test(text)) return 'bad';
  return /^[a-z]{2}key-(?!auth-)[a-z]+-/.test(text) ? 'other' : undefined;
}

const TAG = /^tag:[a-z][a-z0-9-]{0,63}$/i;

/** As people write them: with or without `tag:`, with commas or spaces between. Undefined when one can't be a tag. */
export function tagsOf(text: string): readonly string[] | undefined {
  const tags = text
    .split(/[\s,;]+/)
    .filter((one) => one !== '')
    .map((one) => (one.startsWith('tag:') ? one : `tag:${one}`));
  return tags.every((tag) => TAG.test(tag)) ? [...new Set(tags)] : undefined;
}
