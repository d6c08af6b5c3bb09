/** A question to a machine on its map stream, which it answers with a request of its own (control-protocol.md §4.10). */
import { encodeFrame } from './frames.ts';

export interface PingOrder {
  /** Where the machine answers; with a HEAD request when no types are named. */
  readonly url: string;
  /** The answer comes through the control channel instead of over the internet. */
  readonly isNoise?: boolean;
  /** `disco`, `TSMP`, `ICMP`, `c2n`, … */
  readonly types?: string;
  /** Of a `c2n` question: an HTTP request. */
  readonly payload?: Uint8Array;
}

/** It rides on a keepalive, whose map content clients ignore. */
export function pingFrame({ url, isNoise, types, payload }: PingOrder, isCompressed: boolean): Uint8Array {
  const question = {
    URL: url,
    URLIsNoise: isNoise,
    Types: types,
    Payload: payload === undefined ? undefined : Buffer.from(payload).toString('base64'),
  };
  return encodeFrame(JSON.stringify({ KeepAlive: true, PingRequest: question }), isCompressed);
}
