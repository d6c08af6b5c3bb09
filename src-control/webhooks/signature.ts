/** The header by which a receiver knows that a delivery is from here: receivers of the public service verify it unchanged. */
import { createHmac } from 'node:crypto';

export const SIGNATURE_HEADER = 'Tailscale-Webhook-Signature';

/** `t=<unix>,v1=<hex of HMAC-SHA-256 over "t.body">`, once for each secret that is still good. */
export function signatureOf(secrets: readonly string[], body: string, nowMs: number): string {
  const time = Math.floor(nowMs / 1_000);
  const proofs = secrets.map(
    (secret) => `v1=${createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')}`,
  );
  return [`t=${time}`, ...proofs].join(',');
}
