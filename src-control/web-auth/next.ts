/** Where a browser goes after a sign-in: to a place of ours that is meant for it, whatever the request says. */

const HOME = '/admin';
/** Pages that send people to the sign-in. */
const PLACES = ['/admin', '/account', '/register', '/auth'];
const MAX_NEXT = 512;

/** A path with its query, never another host: what is not certain becomes the console. */
export function safeNext(wanted: string | undefined | null): string {
  if (wanted === undefined || wanted === null || wanted.length > MAX_NEXT) return HOME;
  // Browsers take a backslash for a slash and leave out tabs and line ends.
  if (!/^\/[\x21-\x5b\x5d-\x7e]*$/.test(wanted) || wanted.startsWith('//')) return HOME;
  const url = URL.parse(wanted, 'http://here.invalid');
  if (url === null || url.host !== 'here.invalid') return HOME;
  const isPlace = PLACES.some((place) => url.pathname === place || url.pathname.startsWith(`${place}/`));
  return isPlace ? `${url.pathname}${url.search}` : HOME;
}

/** The address of the sign-in page from where a browser comes back; `again` asks also those who are signed in. */
export const loginHref = (next: string, again = false): string =>
  `/login?next=${encodeURIComponent(next)}${again ? '&again=1' : ''}`;
