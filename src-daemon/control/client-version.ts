/** What the server says of newer releases, read leniently: a wrong shape is no news (control-protocol.md §4.6). */
import { type ClientVersion, clientVersion } from '#shared/localapi/status.ts';

/** Absence leaves what is known. */
export function clientVersionOf(
  raw: unknown,
  before: { readonly clientVersion?: ClientVersion | undefined } | undefined,
): ClientVersion | undefined {
  const parsed = raw === undefined || raw === null ? undefined : clientVersion.safeParse(raw);
  return parsed?.success === true ? parsed.data : before?.clientVersion;
}
