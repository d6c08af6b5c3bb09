/** The state of the line to the server's events, as a written machine; the shell in events.ts feeds it. */

export type Link =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** What is shown is as of `since`. */
  | { readonly kind: 'lost'; readonly since: number; readonly attempt: number }
  | { readonly kind: 'signed-out' };

export type LinkEvent =
  | { readonly type: 'opened' }
  | { readonly type: 'broke'; readonly at: number }
  | { readonly type: 'refused' };

export type LinkEffect =
  | { readonly do: 'connect'; readonly afterMs: number }
  /** Everything shown may have changed while the line was down, or before it was open for the first time. */
  | { readonly do: 'refetch' };

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

export const retryAfter = (attempt: number): number =>
  Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10));

export function step(link: Link, event: LinkEvent): readonly [Link, readonly LinkEffect[]] {
  switch (event.type) {
    case 'opened':
      return [{ kind: 'live' }, link.kind === 'live' ? [] : [{ do: 'refetch' }]];
    case 'broke': {
      if (link.kind === 'signed-out') return [link, []];
      const attempt = link.kind === 'lost' ? link.attempt + 1 : 0;
      const since = link.kind === 'lost' ? link.since : event.at;
      return [{ kind: 'lost', since, attempt }, [{ do: 'connect', afterMs: retryAfter(attempt) }]];
    }
    case 'refused':
      return [{ kind: 'signed-out' }, []];
    default:
      return event satisfies never;
  }
}
