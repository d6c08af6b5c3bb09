/** What a device may be called by its owner: one label of a DNS name (RFC 1123 §2.1). */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

export const isHostName = (text: string): boolean => LABEL.test(text);
