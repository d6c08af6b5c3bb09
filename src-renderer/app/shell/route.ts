/** Where in the app we are: the fragment of the address (`#/devices/abc?tab=ping`), linkable, with the browser's own history. */
import { useSyncExternalStore } from 'react';

export interface Route {
  /** Such as `/devices/abc`; never with a slash at its end but for `/`. */
  readonly path: string;
  readonly query: URLSearchParams;
}

const listeners = new Set<() => void>();
let text: string | undefined;
let route: Route = { path: '/', query: new URLSearchParams() };
/** How many steps within the app lie behind us. */
let depth = 0;

function read(): Route {
  const { hash } = location;
  if (hash === text) return route;
  text = hash;
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?', 2);
  const clean = path.startsWith('/') ? path.replace(/\/+$/, '') || '/' : '/';
  route = { path: clean, query: new URLSearchParams(query) };
  return route;
}

function moved(): void {
  for (const listener of listeners) listener();
}

function returned(event: PopStateEvent): void {
  const state: unknown = event.state;
  const known =
    typeof state === 'object' && state !== null ? (state as { readonly depth?: unknown }).depth : 0;
  depth = typeof known === 'number' ? known : 0;
  moved();
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) addEventListener('popstate', returned);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) removeEventListener('popstate', returned);
  };
}

export const useRoute = (): Route => useSyncExternalStore(subscribe, read);
/** For what stays as it is while something is searched for. */
export const usePath = (): string => useSyncExternalStore(subscribe, () => read().path);
export const routeNow = (): Route => read();
export const hrefOf = (path: string): string => `#${path}`;

export function go(path: string, manner: 'push' | 'replace' = 'push'): void {
  const href = hrefOf(path);
  if (href === location.hash) return;
  if (manner === 'push') {
    depth += 1;
    history.pushState({ depth }, '', href);
  } else history.replaceState({ depth }, '', href);
  moved();
}

/** To where we came from, or one level up when the page began here. */
export function goBack(): void {
  if (depth > 0) {
    history.back();
    return;
  }
  const { path } = read();
  const up = path.slice(0, path.lastIndexOf('/'));
  go(up === '' ? '/' : up, 'replace');
}

/** Keeps what is searched and filtered in the address, so that a reload and a link show the same. */
export function setQuery(values: Readonly<Record<string, string | undefined>>): void {
  const { path, query } = read();
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(values))
    if (value === undefined || value === '') next.delete(name);
    else next.set(name, value);
  const tail = next.toString();
  go(tail === '' ? path : `${path}?${tail}`, 'replace');
}
