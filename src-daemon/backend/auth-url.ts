/** Which sign-in addresses of a server may be shown (localapi-and-daemon.md §3.5). */
import { DEFAULT_CONTROL_URL } from '#shared/localapi/prefs.ts';

/** A URL asked for again within this time is still good at the server. */
export const AUTH_URL_LIFE_MS = (6 * 24 + 23) * 3_600_000;

/** A hostile server must not make a desktop open a file or a private scheme, so only web addresses pass. */
export function isShowableUrl(url: string, controlUrl: string): boolean {
  const parsed = URL.parse(url);
  if (parsed === null || url.length > 4_096) return false;
  const control = URL.parse(controlUrl === '' ? DEFAULT_CONTROL_URL : controlUrl);
  if (parsed.protocol === 'http:') return control?.protocol === 'http:';
  if (parsed.protocol !== 'https:') return false;
  const official = URL.parse(DEFAULT_CONTROL_URL)?.hostname;
  if (control?.hostname !== official && control?.hostname !== 'login.tailscale.com') return true;
  return parsed.hostname === 'tailscale.com' || parsed.hostname.endsWith('.tailscale.com');
}
