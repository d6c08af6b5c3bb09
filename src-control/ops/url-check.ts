/** Asks the server under its own URL, as a machine would: most trouble at the beginning is a proxy that changes something. */
import type { Clock } from '#shared/async/clock.ts';
import { generatePrivate, importPrivate } from '#shared/crypto/x25519.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { MachineKey } from '#shared/key/key.ts';
import { fetchControlKey } from '#shared/node/control-key.ts';
import { dialTs2021 } from '#shared/node/ts2021-client.ts';

export type UrlVerdict =
  | { readonly kind: 'ok' }
  | {
      readonly kind: 'unreachable' | 'another-server' | 'no-upgrade';
      readonly problem: string;
      readonly advice: string;
    };

export interface UrlCheckDeps {
  readonly serverUrl: string;
  readonly controlKey: MachineKey;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export async function checkServerUrl(deps: UrlCheckDeps): Promise<UrlVerdict> {
  const serverUrl = new URL(deps.serverUrl);
  let found: MachineKey;
  try {
    found = await fetchControlKey(serverUrl, deps.signal);
  } catch (error) {
    return {
      kind: 'unreachable',
      problem: toRhumbError(error).message,
      advice:
        'machines may still reach it where this machine does not; otherwise look at DNS, the firewall, the certificate and the proxy',
    };
  }
  if (found !== deps.controlKey)
    return {
      kind: 'another-server',
      problem: `${serverUrl.origin} answers with another server's key`,
      advice: 'let serverUrl or the proxy lead to this server, or import the key that machines know',
    };
  const stranger = importPrivate(generatePrivate());
  try {
    const { clock, controlKey, signal } = deps;
    await using _session = await dialTs2021({ serverUrl, controlKey, machine: stranger, clock, signal });
    return { kind: 'ok' };
  } catch (error) {
    return {
      kind: 'no-upgrade',
      problem: toRhumbError(error).message,
      advice:
        'a proxy in between must pass POST /ts2021 with its Upgrade and Connection headers over HTTP/1.1, unbuffered: nginx wants proxy_http_version 1.1, proxy_set_header Upgrade $http_upgrade and Connection $connection_upgrade',
    };
  }
}
