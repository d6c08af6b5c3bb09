/** The states of port mapping as one pure step: what is there, what happens, what to do about it (nat-traversal.md §3.1). */
import type { Random } from '../async/clock.ts';
import type { Link, Mapping, Services } from './types.ts';

/** Why nothing is done at all. */
export type IdleReason =
  | 'not-asked'
  | 'no-port'
  | 'no-gateway'
  | 'gateway-out-of-range'
  | 'network-down'
  | 'closed';

/** A mapping that could not be released, because nothing could be sent. */
export interface Left {
  readonly link: Link;
  readonly mapping: Mapping;
}

export type State =
  | { readonly kind: 'idle'; readonly why: IdleReason; readonly left?: Left | undefined }
  | {
      readonly kind: 'probing';
      readonly link: Link;
      readonly attempt: number;
      readonly wish: Mapping | undefined;
    }
  | {
      readonly kind: 'creating';
      readonly link: Link;
      readonly attempt: number;
      readonly wish: Mapping | undefined;
    }
  | { readonly kind: 'mapped'; readonly link: Link; readonly mapping: Mapping; readonly renewAtMs: number }
  /** `isLost`: the router began anew, so that only a renewal that succeeds keeps the mapping. */
  | { readonly kind: 'renewing'; readonly link: Link; readonly mapping: Mapping; readonly isLost: boolean }
  | {
      readonly kind: 'failed';
      readonly link: Link;
      readonly why: string;
      readonly attempt: number;
      readonly retryAtMs: number;
      readonly wish: Mapping | undefined;
    };

export type Event =
  /** Somebody asked for the mapping. */
  | { readonly type: 'wanted' }
  /** Gateway, own address or port are others now; the old mapping can be released unless the network is down. */
  | { readonly type: 'link'; readonly link: Link | IdleReason; readonly mayRelease: boolean }
  | { readonly type: 'probed'; readonly services: Services }
  | { readonly type: 'created'; readonly mapping: Mapping }
  | { readonly type: 'failed'; readonly why: string; readonly retryAfterS?: number | undefined }
  | { readonly type: 'due' }
  /** Something happened after which the router may have forgotten us, or another try may fare better. */
  | { readonly type: 'doubt' }
  /** The router lost its mappings. */
  | { readonly type: 'restarted' };

export type Effect =
  | { readonly do: 'probe'; readonly link: Link }
  /** `wish` is what we have or had, to be got again if possible. */
  | { readonly do: 'create'; readonly link: Link; readonly wish: Mapping | undefined }
  | { readonly do: 'release'; readonly link: Link; readonly mapping: Mapping }
  /** The result of what is under way is no longer wanted; what it makes is to be released, or left when nothing can be sent. */
  | { readonly do: 'forsake'; readonly mayRelease: boolean };

export interface Moment {
  readonly nowMs: number;
  readonly random: Random;
}

const FIRST_RETRY_MS = 15_000;
/** As long as a service that answered counts as there. */
const MAX_RETRY_MS = 600_000;
const MAX_REFUSAL_MS = 1_800_000;
/** A renewal that failed is tried again within these bounds, at half of what is left. */
const MIN_RENEW_MS = 15_000;
const MAX_RENEW_MS = 120_000;

type Step = readonly [State, readonly Effect[]];

export function step(state: State, event: Event, at: Moment): Step {
  switch (event.type) {
    case 'wanted':
      return wanted(state, at);
    case 'link':
      return relink(state, event);
    case 'probed':
      return probed(state, event.services, at);
    case 'created':
      return created(state, event.mapping);
    case 'failed':
      return failed(state, event, at);
    case 'due':
      return due(state, at);
    case 'restarted':
      if (state.kind !== 'mapped') return [state, []];
      return renew(state, true);
    case 'doubt':
      if (state.kind === 'mapped') return renew(state, false);
      return state.kind === 'failed' ? begin(state.link, 0, state.wish) : [state, []];
    default:
      return event satisfies never;
  }
}

/** When `due` is to be said; undefined for never. A failed state waits to be asked instead, which costs nothing. */
export const dueAtMs = (state: State): number | undefined =>
  state.kind === 'mapped' ? Math.min(state.renewAtMs, state.mapping.goodUntilMs) : undefined;

/** What can be counted upon. */
export const mappingOf = (state: State): Mapping | undefined =>
  state.kind === 'mapped' || state.kind === 'renewing' ? state.mapping : undefined;

export const linkOf = (state: State): Link | undefined => (state.kind === 'idle' ? undefined : state.link);

const begin = (link: Link, attempt: number, wish: Mapping | undefined): Step => [
  { kind: 'probing', link, attempt, wish },
  [{ do: 'probe', link }],
];

const renew = (state: Extract<State, { readonly kind: 'mapped' }>, isLost: boolean): Step => [
  { kind: 'renewing', link: state.link, mapping: state.mapping, isLost },
  [{ do: 'create', link: state.link, wish: state.mapping }],
];

function wanted(state: State, at: Moment): Step {
  if (state.kind !== 'failed' || at.nowMs < state.retryAtMs) return [state, []];
  return begin(state.link, state.attempt, state.wish);
}

/** Begins anew with the other link; `wanted` has no part in it, because whoever changes the link says that it is wanted. */
function relink(state: State, event: Extract<Event, { readonly type: 'link' }>): Step {
  const effects: Effect[] = [];
  if (state.kind === 'probing' || state.kind === 'creating' || state.kind === 'renewing')
    effects.push({ do: 'forsake', mayRelease: event.mayRelease });
  const left = leftOf(state);
  if (typeof event.link === 'string') {
    // What cannot be released now may be taken up again, or be released, when the same network is back.
    const kept = event.mayRelease ? undefined : left;
    if (left !== undefined && event.mayRelease) effects.push({ do: 'release', ...left });
    return [{ kind: 'idle', why: event.link, left: kept }, effects];
  }
  const wish = state.kind === 'idle' && isSameLink(left?.link, event.link) ? left?.mapping : undefined;
  const isNear = state.kind !== 'idle' || isSameNetwork(left?.link, event.link);
  if (left !== undefined && wish === undefined && isNear && event.mayRelease)
    effects.push({ do: 'release', ...left });
  const [next, more] = begin(event.link, 0, wish);
  return [next, [...effects, ...more]];
}

function leftOf(state: State): Left | undefined {
  if (state.kind === 'idle') return state.left;
  const mapping = mappingOf(state);
  return mapping === undefined ? undefined : { link: state.link, mapping };
}

const isSameNetwork = (a: Link | undefined, b: Link): boolean =>
  a?.gateway === b.gateway && a.self === b.self;

export const isSameLink = (a: Link | undefined, b: Link): boolean =>
  isSameNetwork(a, b) && a?.port === b.port;

function probed(state: State, services: Services, at: Moment): Step {
  if (state.kind !== 'probing') return [state, []];
  if (!services.pmp && !services.pcp && !services.upnp)
    return failed(state, { why: 'the router offers no port mapping' }, at);
  const { link, attempt, wish } = state;
  return [{ kind: 'creating', link, attempt, wish }, [{ do: 'create', link, wish }]];
}

function created(state: State, mapping: Mapping): Step {
  if (state.kind !== 'creating' && state.kind !== 'renewing') return [state, []];
  return [{ kind: 'mapped', link: state.link, mapping, renewAtMs: mapping.renewAtMs }, []];
}

function failed(
  state: State,
  event: { readonly why: string; readonly retryAfterS?: number | undefined },
  at: Moment,
): Step {
  switch (state.kind) {
    case 'probing':
    case 'creating': {
      const { link, attempt, wish } = state;
      const retryAtMs = at.nowMs + backoffMs(attempt, event.retryAfterS, at.random);
      return [{ kind: 'failed', link, why: event.why, attempt: attempt + 1, retryAtMs, wish }, []];
    }
    case 'renewing': {
      const { link, mapping, isLost } = state;
      const leftMs = mapping.goodUntilMs - at.nowMs;
      // From the start: perhaps another service of the router does it now.
      if (isLost || leftMs <= 0) return begin(link, 0, mapping);
      const renewAtMs = at.nowMs + Math.min(MAX_RENEW_MS, Math.max(MIN_RENEW_MS, leftMs / 2));
      return [{ kind: 'mapped', link, mapping, renewAtMs }, []];
    }
    default:
      return [state, []];
  }
}

function due(state: State, at: Moment): Step {
  if (state.kind !== 'mapped') return [state, []];
  if (at.nowMs >= state.mapping.goodUntilMs) return begin(state.link, 0, state.mapping);
  return at.nowMs >= state.renewAtMs ? renew(state, false) : [state, []];
}

function backoffMs(attempt: number, retryAfterS: number | undefined, random: Random): number {
  const ours = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10)) * (0.75 + random() / 2);
  return Math.max(ours, Math.min(MAX_REFUSAL_MS, (retryAfterS ?? 0) * 1_000));
}
