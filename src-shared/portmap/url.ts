/** URLs that a router gave us, bent to lead to that router (nat-traversal.md §3.5: routers lie, and attackers too). */

const MAX_URL = 1_024;

/**
 * The same scheme, port, path and query at the gateway's address; relative ones are resolved against `base`. Undefined
 * for what is no HTTP URL.
 */
export function atGateway(text: string, gateway: string, base?: string): string | undefined {
  if (text === '' || text.length > MAX_URL) return undefined;
  const url = base === undefined ? URL.parse(text) : URL.parse(text, base);
  if (url === null || url.protocol !== 'http:') return undefined;
  url.hostname = gateway;
  url.username = '';
  url.password = '';
  url.hash = '';
  return url.hostname === gateway ? url.href : undefined;
}
