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

/** What no server has ever handed out: a key is one word. */
export const keyIsBad = (key: string): boolean => /\s/.test(key.trim());
