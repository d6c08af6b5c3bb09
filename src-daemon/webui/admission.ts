/** Which requests of a browser are heard: only those of our own page, under a name of this device (desktop.md §10). */
import { canonicalIp } from '#shared/ip/address.ts';

export interface RequestHead {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site` and `Sec-Fetch-Dest`; old browsers send neither. */
  readonly site: string | undefined;
  readonly dest: string | undefined;
}

/** Whether a name or address, without port, is this device's. */
export type IsOwnHost = (host: string) => boolean;

const FRAMES: readonly string[] = ['iframe', 'frame', 'embed', 'object', 'fencedframe'];

/** Why the request is refused; undefined when it is heard. */
export function refusePage(head: RequestHead, isOwn: IsOwnHost): string | undefined {
  const host = hostOf(head.host);
  // Another name that leads here is a page elsewhere that wants to read ours.
  if (host === undefined || !isOwn(host)) return 'this page is only served under the names of this device';
  if (head.dest !== undefined && FRAMES.includes(head.dest)) return 'this page is not shown inside others';
  const isVisit = head.dest === 'document';
  if (head.site !== undefined && !['same-origin', 'none'].includes(head.site) && !isVisit)
    return 'parts of this page are for itself alone';
  return undefined;
}

export function refuseSocket(head: RequestHead, isOwn: IsOwnHost): string | undefined {
  const refusal = refusePage({ ...head, dest: undefined }, isOwn);
  if (refusal !== undefined) return refusal;
  if (head.origin !== `http://${head.host ?? ''}`) return 'only the page itself may connect';
  if (head.site !== undefined && head.site !== 'same-origin') return 'only the page itself may connect';
  return undefined;
}

/** The host of a `Host` header in lower case: an address in its canonical form, or a name without its final dot. */
export function hostOf(header: string | undefined): string | undefined {
  if (header === undefined || header.length > 300) return undefined;
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+))(?::\d{1,5})?$/.exec(header);
  const text = match?.[1] ?? match?.[2];
  if (text === undefined) return undefined;
  return canonicalIp(text) ?? text.toLowerCase().replace(/\.$/, '');
}

export const isLoopbackHost: IsOwnHost = (host) =>
  host === 'localhost' || host === '127.0.0.1' || host === '::1';
