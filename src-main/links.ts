/** Links of other programs (`rhumb:devices/abc`) as places of our page; nothing else can be reached with one. */
import { LINK_SCHEME } from './product.ts';

const SECTIONS = ['home', 'devices', 'exit-node', 'diagnostics', 'settings', 'accounts'] as const;
const MAX_LENGTH = 512;

/** The route to show; undefined for a link that names none. A link never changes anything. */
export function routeOf(link: string): string | undefined {
  const prefix = `${LINK_SCHEME}:`;
  if (link.length > MAX_LENGTH || !link.toLowerCase().startsWith(prefix)) return undefined;
  const path = link
    .slice(prefix.length)
    .replace(/^\/{0,2}/, '')
    .replace(/\/$/, '');
  const [section, ...rest] = path.split('/');
  if (!SECTIONS.some((name) => name === section) || rest.length > 2) return undefined;
  if (!rest.every((part) => /^[A-Za-z0-9-]{1,128}$/.test(part))) return undefined;
  return section === 'home' ? '/' : `/${[section, ...rest].join('/')}`;
}

/** Windows and Linux hand the link over as an argument; the first is the program itself. */
export const linkIn = (argv: readonly string[]): string | undefined =>
  argv.slice(1).find((arg) => arg.toLowerCase().startsWith(`${LINK_SCHEME}:`));
