/** Which address a reference means, and whether it may be opened: a page never names one itself (desktop.md §13 S15). */
import type { PageKind } from '../bridge/contract.ts';
import { RhumbError } from '../errors.ts';
import { DEFAULT_CONTROL_URL } from '../localapi/prefs.ts';
import { findDevice } from '../ui-state/find.ts';
import type { Snapshot } from '../ui-state/types.ts';

/** Who builds a release fills them in; what is undefined is not opened. */
export interface ProjectPages {
  readonly help?: string | undefined;
  readonly 'release-notes'?: string | undefined;
  readonly source?: string | undefined;
}

export interface PageSources {
  readonly snapshot: Snapshot;
  readonly project: ProjectPages;
  /** The page that the daemon gave for a warning. */
  readonly warningPage: (code: string) => string | undefined;
}

const MAX_LENGTH = 4_096;
/** Where devices serve their own page to the network. */
const WEB_CLIENT_PORT = 5_252;

/** Servers that sign people in, and are administered, on a host of their own. */
const SIGN_IN_ORIGINS: ReadonlyMap<string, string> = new Map([
  [new URL(DEFAULT_CONTROL_URL).origin, 'https://login.tailscale.com'],
]);

/** Throws `not-found` for what isn't there and `not-allowed` for what isn't safe to open. */
export function pageUrl(
  { kind, id = '' }: { readonly kind: PageKind; readonly id?: string | undefined },
  { snapshot, project, warningPage }: PageSources,
): string {
  switch (kind) {
    case 'auth':
      return signInUrl(snapshot);
    case 'admin':
      return adminUrl(snapshot);
    case 'warning':
      return openable(given(warningPage(id), 'that warning has no page'));
    case 'device-web':
      return deviceUrl(snapshot, id);
    case 'help':
    case 'release-notes':
    case 'source':
      return openable(given(project[kind], 'this build names no page of the project'));
    default:
      return kind satisfies never;
  }
}

function given<T>(value: T | undefined, why: string): T {
  if (value === undefined) throw new RhumbError('not-found', why);
  return value;
}

/** The address as it is opened. Encrypted, unless it leads to this very machine. */
function openable(text: string): string {
  const url = text.length > MAX_LENGTH ? null : URL.parse(text);
  if (url === null) throw refused('it is no address');
  if (url.username !== '' || url.password !== '') throw refused('it hides its host behind a user name');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url)))
    throw refused('only https pages are opened');
  return url.href;
}

const refused = (why: string): RhumbError => new RhumbError('not-allowed', `the page was not opened: ${why}`);

const isLoopback = ({ hostname }: URL): boolean => ['localhost', '127.0.0.1', '[::1]'].includes(hostname);

/**
 * A server may send people to any host to sign in, and which one it is is shown beside the button; the official one only to
 * its own. Plain http is for servers that are themselves reached so.
 */
function signInUrl({ authUrl, settings }: Snapshot): string {
  if (authUrl === '') throw new RhumbError('not-found', 'there is no sign-in to finish');
  const own = serverOrigin(settings?.server);
  const isOwnPlain = own?.startsWith('http://') === true && URL.parse(authUrl)?.origin === own;
  const url = isOwnPlain ? plain(authUrl) : openable(authUrl);
  if (own !== undefined && SIGN_IN_ORIGINS.has(own) && !isOfficial(new URL(url).hostname))
    throw refused('it is not on the host that was expected');
  return url;
}

const isOfficial = (host: string): boolean => host === 'tailscale.com' || host.endsWith('.tailscale.com');

function plain(text: string): string {
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') throw refused('it hides its host behind a user name');
  return url.href;
}

function adminUrl({ settings }: Snapshot): string {
  const origin = given(serverOrigin(settings?.server), 'no server is known yet');
  const home = SIGN_IN_ORIGINS.get(origin) ?? origin;
  // A server that was set with plain http is one's own, on one's own network.
  return `${home}/admin`;
}

function serverOrigin(server = ''): string | undefined {
  const url = URL.parse(server);
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:') ? url.origin : undefined;
}

/** Plain http, but only to an address of the network, where the tunnel encrypts. */
function deviceUrl(snapshot: Snapshot, id: string): string {
  const ip = given(findDevice(snapshot, id)?.addresses[0], 'that device is not in the network any more');
  return `http://${ip.includes(':') ? `[${ip}]` : ip}:${WEB_CLIENT_PORT}/`;
}
