/** Where in the console we are: the address below /admin, readable, linkable, with the browser's own history. */
import { useSyncExternalStore } from 'react';

const BASE = '/admin';
const listeners = new Set<() => void>();

export interface Route {
  /** Such as `/machines/12`. */
  readonly path: string;
  readonly query: URLSearchParams;
}

let text = '';
let route: Route = { path: '/', query: new URLSearchParams() };

function read(): Route {
  const now = location.pathname + location.search;
  if (now === text) return route;
  text = now;
  const path = location.pathname.slice(BASE.length).replace(/\/+$/, '') || '/';
  route = { path, query: new URLSearchParams(location.search) };
  return route;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener('popstate', listener);
  return () => {
    listeners.delete(listener);
    removeEventListener('popstate', listener);
  };
}

export const useRoute = (): Route => useSyncExternalStore(subscribe, read);

export const hrefOf = (path: string): string => `${BASE}${path}`;

/** Asked before a place is left; false keeps us there. */
let mayLeave = (): boolean => true;

export function guardLeaving(guard: (() => boolean) | undefined): void {
  mayLeave = guard ?? (() => true);
}

export function go(path: string, manner: 'push' | 'replace' = 'push'): void {
  const href = hrefOf(path);
  if (href === location.pathname + location.search) return;
  if (manner === 'push' && !mayLeave()) return;
  if (manner === 'push') history.pushState(null, '', href);
  else history.replaceState(null, '', href);
  for (const listener of listeners) listener();
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
