/** Names that mean the official coordination server. */
import { DEFAULT_CONTROL_URL } from '#shared/localapi/prefs.ts';

const OFFICIAL: readonly string[] = ['https://login.tailscale.com', DEFAULT_CONTROL_URL];
export const isOfficialServer = (url: string): boolean => OFFICIAL.includes(url);
