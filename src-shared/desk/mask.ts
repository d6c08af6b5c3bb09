/** Takes out of a report what is nobody else's business; pure. */
import { isTailnetIp, parseIp } from '../ip/address.ts';
import { redactText } from '../log/redact.ts';

const V4 = /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])/g;
const V6 = /(?<![0-9a-fA-F:.])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}(?:\.\d{1,3}){0,3}(?![0-9a-fA-F:])/g;

/** No key and no sign-in address remains, whatever else does. */
export const withoutSecrets = (text: string): string =>
  redactText(text).replace(/("AuthURL"|"BrowseToURL"|"authUrl"):\s*"[^"]*"/g, '$1: "…"');

/** Puts a stand-in for each address outside the network itself: the same one for the same address, in all files of a report. */
export class AddressMask {
  readonly #names = new Map<string, string>();

  hide(text: string): string {
    return text.replace(V4, (found) => this.#standIn(found)).replace(V6, (found) => this.#standIn(found));
  }

  #standIn(text: string): string {
    const ip = parseIp(text);
    if (ip === undefined || isTailnetIp(ip) || isOwn(ip)) return text;
    const key = text.toLowerCase();
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const made = `${ip.length === 4 ? 'ipv4' : 'ipv6'}-${this.#names.size + 1}`;
    this.#names.set(key, made);
    return made;
  }
}

/** Unspecified and loopback addresses, and masks, say nothing about anybody. */
function isOwn(ip: Uint8Array): boolean {
  if (ip.length === 4) return ip[0] === 127 || ip[0] === 0 || ip[0] === 255;
  return ip.every((byte, at) => byte === 0 || (at === 15 && byte === 1));
}
