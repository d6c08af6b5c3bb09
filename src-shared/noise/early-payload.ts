/** The early payload: what a server may say inside the channel before HTTP/2 begins (control-protocol.md §3.7). */
import { concat, utf8 } from '../bytes/bytes.ts';
import { type ChallengeKey, parseChallengeKey } from '../key/key.ts';

// Can't begin an HTTP/2 SETTINGS frame, so that a client can tell the two apart.
const MAGIC = Uint8Array.of(0xff, 0xff, 0xff, 0x54, 0x53);
const PREFIX_BYTES = 9;
/** Another known client gives up above this, so our server must stay below. */
export const MAX_EARLY_PAYLOAD_SENT = 1_024;
const MAX_EARLY_PAYLOAD_READ = 64 * 1_024;
/** Clients below this version do not know the early payload. */
export const EARLY_PAYLOAD_VERSION = 49;

/** The plaintext to send as first record of a session. */
export function encodeEarlyPayload(challenge: ChallengeKey): Uint8Array {
  const json = utf8(JSON.stringify({ nodeKeyChallenge: challenge }));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, json.length);
  return concat(MAGIC, length, json);
}

export type Peek =
  | { readonly kind: 'more' }
  /** `rest` is the beginning of the server's HTTP/2 bytes; `challenge` is undefined when there was no early payload. */
  | { readonly kind: 'done'; readonly challenge: ChallengeKey | undefined; readonly rest: Uint8Array }
  | { readonly kind: 'malformed' };

/** Watches the first plaintext bytes of a session until it is known whether an early payload precedes HTTP/2. */
export class EarlyPeek {
  #held = new Uint8Array(0);

  /** To be called until it answers `done` or `malformed`, and not afterwards. */
  feed(plaintext: Uint8Array): Peek {
    const all = concat(this.#held, plaintext);
    this.#held = all as Uint8Array<ArrayBuffer>;
    const seen = Math.min(all.length, MAGIC.length);
    for (let i = 0; i < seen; i++)
      if (all[i] !== MAGIC[i]) return { kind: 'done', challenge: undefined, rest: all };
    if (all.length < PREFIX_BYTES) return { kind: 'more' };
    const length = new DataView(all.buffer, all.byteOffset).getUint32(MAGIC.length);
    if (length > MAX_EARLY_PAYLOAD_READ) return { kind: 'malformed' };
    const end = PREFIX_BYTES + length;
    if (all.length < end) return { kind: 'more' };
    const parsed = parseChallenge(all.subarray(PREFIX_BYTES, end));
    if (parsed === undefined) return { kind: 'malformed' };
    return { kind: 'done', challenge: parsed.challenge, rest: all.subarray(end) };
  }
}

/** Undefined when it is not a JSON object; unknown members and a missing challenge are fine. */
function parseChallenge(json: Uint8Array): { readonly challenge: ChallengeKey | undefined } | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
    if (typeof value !== 'object' || value === null) return undefined;
    const text = 'nodeKeyChallenge' in value ? value.nodeKeyChallenge : undefined;
    return { challenge: typeof text === 'string' && text !== '' ? parseChallengeKey(text) : undefined };
  } catch {
    return undefined; // not UTF-8, not JSON or not a key: all the same to the caller
  }
}
