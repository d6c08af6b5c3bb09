/** The HTTP exchange before the relay protocol: the request, and reading the answer from a byte stream (nat-traversal.md §1.2). */
import { concat, copyOf, utf8 } from '#shared/bytes/bytes.ts';

const HTTPS_PORT = 443;
const MAX_HEAD = 16 * 1_024;
/** Of the text of a refusal, for the log. */
const MAX_REFUSAL = 512;

export interface UpgradeRequest {
  readonly hostName: string;
  readonly port: number;
  /** Name of the region's first node when we are at another. */
  readonly idealNode: string | undefined;
  /** The relay's key is known: it must not answer in HTTP. */
  readonly isFastStart: boolean;
}

/** What cannot stand in a header line is left out: the values come from the relay map. */
const clean = (text: string): string => text.replace(/[^\x21-\x7e]/g, '');

export function encodeUpgrade(request: UpgradeRequest): Uint8Array {
  const name = clean(request.hostName);
  const host = name.includes(':') ? `[${name}]` : name;
  const lines = [
    'GET /derp HTTP/1.1',
    `Host: ${host}${request.port === HTTPS_PORT ? '' : `:${request.port}`}`,
    'User-Agent: rhumb',
    'Connection: Upgrade',
    'Upgrade: DERP',
    ...(request.idealNode === undefined ? [] : [`Ideal-Node: ${clean(request.idealNode)}`]),
    ...(request.isFastStart ? ['Derp-Fast-Start: 1'] : []),
  ];
  return utf8(`${lines.join('\r\n')}\r\n\r\n`);
}

export type UpgradeAnswer =
  | { readonly kind: 'more' }
  /** The bytes behind the head are the relay protocol already. */
  | { readonly kind: 'switched'; readonly rest: Uint8Array }
  | { readonly kind: 'refused'; readonly why: string };

/** Collects the head of the answer, wherever TCP cut it. */
export class UpgradeReader {
  #held: Uint8Array = new Uint8Array(0);

  push(chunk: Uint8Array): UpgradeAnswer {
    const from = Math.max(0, this.#held.length - 3);
    this.#held = concat(this.#held, chunk);
    const end = endOfHead(this.#held, from);
    if (end === undefined) {
      if (this.#held.length > MAX_HEAD) return { kind: 'refused', why: 'its answer has too large a head' };
      // A server of another kind is known by its first bytes; waiting for an end of its head could take for ever.
      const isHttp = startsWithHttp(this.#held);
      return isHttp ? { kind: 'more' } : { kind: 'refused', why: 'it does not speak HTTP there' };
    }
    if (end > MAX_HEAD) return { kind: 'refused', why: 'its answer has too large a head' };
    const head = latin1(this.#held.subarray(0, end));
    const status = /^HTTP\/1\.[01] (\d{3})(?: |\r)/.exec(head)?.[1];
    if (status === undefined) return { kind: 'refused', why: 'it does not speak HTTP there' };
    const rest = copyOf(this.#held, end);
    if (status === '101') return { kind: 'switched', rest };
    const text = latin1(rest.subarray(0, MAX_REFUSAL))
      .replace(/[^\x20-\x7e]+/g, ' ')
      .trim();
    return { kind: 'refused', why: `it answered ${status}${text === '' ? '' : `: ${text}`}` };
  }
}

/** What a server said that answers in HTTP where it must not: after a fast start it would be read as a frame. */
export function httpRefusal(chunk: Uint8Array): string | undefined {
  if (chunk.length < PREFIX.length || !startsWithHttp(chunk)) return undefined;
  const answer = new UpgradeReader().push(chunk);
  return answer.kind === 'refused' ? answer.why : 'it answered a fast start in HTTP';
}

const PREFIX = utf8('HTTP/1.');
const startsWithHttp = (bytes: Uint8Array): boolean =>
  PREFIX.every((byte, i) => i >= bytes.length || bytes[i] === byte);

const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/** The index behind CR LF CR LF. */
function endOfHead(bytes: Uint8Array, from: number): number | undefined {
  for (let i = from; i + 3 < bytes.length; i++)
    if (bytes[i] === 13 && bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) return i + 4;
  return undefined;
}
