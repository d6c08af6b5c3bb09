/** Proving an API key, an OAuth client or a token: found by what is public of it, compared in constant time. */
import { isUsable } from '../state/api-keys.ts';
import type { Network } from '../state/network.ts';
import type { ApiKeyRecord } from '../store/records.ts';
import { parseSecret, type SecretKind, sameHash } from './secrets.ts';

const KIND: Readonly<Record<SecretKind, ApiKeyRecord['kind'] | undefined>> = {
  auth: undefined,
  api: 'api',
  client: 'client',
  oauthtok: 'token',
};

const NOTHING = new Uint8Array(32);

/** The record of a secret that is right and good now; whatever is wrong with it looks the same from outside. */
export function proveApiKey(network: Network, text: string, nowMs: number): ApiKeyRecord | undefined {
  const parsed = parseSecret(text);
  const kind = parsed === undefined ? undefined : KIND[parsed.kind];
  if (parsed === undefined || kind === undefined) return undefined;
  const key = network.apiKeys.find('prefix', parsed.prefix);
  const isRight = sameHash(key?.hash ?? NOTHING, parsed.hash);
  return isRight && key?.kind === kind && isUsable(network, key, nowMs) ? key : undefined;
}
