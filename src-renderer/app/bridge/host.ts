/** The host of this page: the desktop program, or the daemon behind a WebSocket. Nothing else asks which. */
import type { Bridge } from '#shared/bridge/contract.ts';
import { connectWeb } from './web.ts';

declare global {
  interface Window {
    /** Put there by the desktop program before the page starts. */
    readonly rhumb?: Bridge;
  }
}

/** How the page's own line to its host stands; a window never loses its host. */
export type Line =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  /** Wall clock, ms. */
  | { readonly kind: 'lost'; readonly sinceMs: number }
  /** This page may not speak with the daemon: its link was used, is too old, or the session is over. */
  | { readonly kind: 'refused' };

export interface Host {
  readonly bridge: Bridge;
  /** Tells at once how it stands, then each change. */
  readonly onLine: (listener: (line: Line) => void) => () => void;
}

export function findHost(): Host {
  const { rhumb } = window;
  if (rhumb === undefined) return connectWeb();
  return {
    bridge: rhumb,
    onLine: (listener) => {
      listener({ kind: 'open' });
      return () => undefined;
    },
  };
}
