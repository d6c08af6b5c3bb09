/** The register algorithm: which keys a request carries and what an answer means, without I/O (control-protocol.md §4.2.3). */
import { publicOf } from '#shared/crypto/x25519.ts';
import { nodeKeyFrom, type PrivateKey, ZERO_NODE_KEY } from '#shared/key/key.ts';
import { CAPABILITY_VERSION } from '#shared/wire/capability.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import type { RegisterResponse } from '#shared/wire/register.ts';
import { ZERO_TIME } from '#shared/wire/scalars.ts';

/** The keys of one register request and how they came about. */
export interface Attempt {
  readonly nodeKey: PrivateKey;
  readonly oldNodeKey: PrivateKey | undefined;
  /** A fresh key was made for this login, so a server that calls it expired is wrong. */
  readonly regenerated: boolean;
  /** The sign-in URL that this request waits for; empty on a first request. */
  readonly followup: string;
}

export type Verdict =
  | { readonly kind: 'done' }
  /** Send `next`; `show` is a sign-in URL the user has not seen yet; `wait` when the server should not be pressed. */
  | {
      readonly kind: 'again';
      readonly next: Attempt;
      readonly show: string | undefined;
      readonly wait: boolean;
    }
  /** The server's own words for the user; the same request is worth repeating with backoff. */
  | { readonly kind: 'refused'; readonly message: string };

interface KnownKeys {
  readonly nodeKey: PrivateKey | undefined;
  readonly oldNodeKey: PrivateKey | undefined;
}

/** `regenerate`: the key is expired, the user asked to sign in, or the server demanded it. */
export function firstAttempt(keys: KnownKeys, regenerate: boolean, fresh: () => PrivateKey): Attempt {
  const { nodeKey, oldNodeKey } = keys;
  if (nodeKey === undefined || regenerate)
    return { nodeKey: fresh(), oldNodeKey: nodeKey, regenerated: true, followup: '' };
  return { nodeKey, oldNodeKey, regenerated: false, followup: '' };
}

export function judge(attempt: Attempt, answer: RegisterResponse, fresh: () => PrivateKey): Verdict {
  if (answer.Error !== undefined && answer.Error !== '') return refused(answer.Error);
  // A signed node must sign its new key itself, which needs tailnet lock.
  if (answer.NodeKeySignature !== undefined && answer.NodeKeySignature !== '')
    return refused('this network uses tailnet lock, which is not supported yet');
  if (answer.NodeKeyExpired === true) {
    if (attempt.regenerated) return refused('the control server says that a brand-new node key is expired');
    const next = { nodeKey: fresh(), oldNodeKey: attempt.nodeKey, regenerated: true, followup: '' };
    return { kind: 'again', next, show: undefined, wait: false };
  }
  const url = answer.AuthURL ?? '';
  if (url === '') return { kind: 'done' };
  if (!isWebUrl(url)) return refused('the control server sent a sign-in address that is no web address');
  const repeated = url === attempt.followup;
  return {
    kind: 'again',
    next: { ...attempt, followup: url },
    show: repeated ? undefined : url,
    wait: repeated,
  };
}

/** Nothing but web addresses reaches a browser. */
export function isWebUrl(text: string): boolean {
  const url = text.length <= 4_096 ? URL.parse(text) : null;
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:');
}

const refused = (message: string): Verdict => ({ kind: 'refused', message: message.slice(0, 1_024) });

export interface RegisterFacts {
  readonly hostinfo: Hostinfo;
  readonly lockKey: string;
  readonly authKey: string | undefined;
}

/** The JSON of a register request; members and order as servers know them. */
export function registerBody(attempt: Attempt, facts: RegisterFacts, expiry: string = ZERO_TIME): object {
  const { authKey, lockKey, hostinfo } = facts;
  return {
    Version: CAPABILITY_VERSION,
    NodeKey: nodeKeyOf(attempt.nodeKey),
    OldNodeKey: attempt.oldNodeKey === undefined ? ZERO_NODE_KEY : nodeKeyOf(attempt.oldNodeKey),
    NLKey: lockKey,
    Auth: authKey === undefined || authKey === '' ? undefined : { AuthKey: bareAuthKey(authKey) },
    Expiry: expiry,
    Followup: attempt.followup,
    Hostinfo: hostinfo,
    NodeKeySignature: null,
  };
}

/** Any past time with the current key means "log out"; this is the one that the official client sends. */
export const LOGOUT_EXPIRY = '1970-01-01T00:02:03Z';

export const nodeKeyOf = (key: PrivateKey): ReturnType<typeof nodeKeyFrom> => nodeKeyFrom(publicOf(key));

/** A wrapped key carries a tailnet-lock credential behind `--TL`, which is not for the server. */
export function bareAuthKey(authKey: string): string {
  const at = authKey.indexOf('--TL');
  return at < 0 ? authKey : authKey.slice(0, at);
}

const MAX_RETRY_AFTER_MS = 3_600_000;

/** How long a 429 asks to wait: seconds or an HTTP date; what is absent or senseless gives 5 to 10 s. */
export function retryAfterMs(header: string | undefined, nowMs: number, random: number): number {
  const text = header?.trim() ?? '';
  const wait = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return wait > 0 && wait <= MAX_RETRY_AFTER_MS ? wait : 5_000 + random * 5_000;
}
