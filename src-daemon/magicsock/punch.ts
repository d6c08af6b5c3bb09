/**
 * Getting through a NAT that gives each destination another port, when the other side lets in only whom it has written to
 * (nat-traversal.md §11.4-3). Pure: the caller owns sockets, pings and timer; one attempt at a time.
 *
 *   here is the hard NAT:   rest ─► opening: sockets one after another, each pings the peer's address, so that our NAT has
 *                           that many ports open for it ─► call-me-maybe with as many guesses at our ports ─► waiting
 *   the peer's is:          its call lists that many ports ─► guessing: those and more, at an even pace ─► waiting
 *   both                    ─► rest: a path was found, the peer left, or time is up; sockets over which it spoke stay
 *
 * With n ports open of 64512 and m guesses the chance is 1 - (1 - n/64512)^m: 64 % for n = m = 256, which is what an
 * official peer does with our call, and 98 % for m = 1024, which is what we do with a peer's. Against a NAT that counts,
 * the open ports are a block longer than the gaps between the guesses.
 */
import type { SockAddr } from '#shared/ip/address.ts';
import type { PeerId, SocketId } from './types.ts';

export const SOCKETS = 256;
/** Ports listed in one call: an official peer pings them all at once. */
export const LISTED_GUESSES = 256;
export const MAX_GUESSES = 1_024;
/** 10 datagrams each 40 ms: 250 a second, 152 bytes each. */
const PACE_MS = 40;
const PER_PACE = 10;
/** A socket opens in the background. */
const OPENING_MS = 80;
/** What an attempt may take after its last datagram. */
const WAIT_MS = 6_000;
/** After an attempt in vain the next for that peer waits this long; the other side allows a little more often. */
export const HARD_PAUSE_MS = 300_000;
export const EASY_PAUSE_MS = 240_000;
/** After one that succeeded, should its path die. */
export const HARD_AGAIN_MS = 60_000;
export const EASY_AGAIN_MS = 45_000;

export type Punch =
  | { readonly kind: 'rest' }
  | {
      readonly kind: 'opening';
      readonly peer: PeerId;
      readonly target: SockAddr;
      readonly first: SocketId;
      readonly opened: readonly number[];
      readonly pinged: number;
      readonly nextAtMs: number;
    }
  | {
      readonly kind: 'guessing';
      readonly peer: PeerId;
      readonly queue: readonly SockAddr[];
      readonly nextAtMs: number;
    }
  | {
      readonly kind: 'waiting';
      readonly peer: PeerId;
      /** Sockets that are open: none when we are the one who guesses. */
      readonly first: SocketId;
      readonly count: number;
      readonly nextAtMs: number;
    };

export type PunchEffect =
  | { readonly do: 'open'; readonly via: SocketId }
  | { readonly do: 'close'; readonly via: SocketId }
  | { readonly do: 'ping'; readonly routes: readonly { readonly addr: SockAddr; readonly via: SocketId }[] }
  /** Call the peer with guesses at our ports. */
  | { readonly do: 'call' };

type Stepped = readonly [Punch, readonly PunchEffect[]];

export const REST: Punch = { kind: 'rest' };

export const openAt = (peer: PeerId, target: SockAddr, first: SocketId, nowMs: number): Punch => ({
  kind: 'opening',
  peer,
  target,
  first,
  opened: [],
  pinged: 0,
  nextAtMs: nowMs,
});

export const guessAt = (peer: PeerId, queue: readonly SockAddr[], nowMs: number): Punch => ({
  kind: 'guessing',
  peer,
  queue: queue.slice(0, MAX_GUESSES),
  nextAtMs: nowMs,
});

/** At `nextAtMs`; `used` are sockets over which the peer has spoken. */
export function punchOn(punch: Punch, nowMs: number, used: ReadonlySet<SocketId>): Stepped {
  switch (punch.kind) {
    case 'rest':
      return [punch, []];
    case 'opening':
      return openMore(punch, nowMs);
    case 'guessing': {
      const addrs = punch.queue.slice(0, PER_PACE);
      const queue = punch.queue.slice(PER_PACE);
      const ping: PunchEffect = { do: 'ping', routes: addrs.map((addr) => ({ addr, via: 0 })) };
      if (queue.length > 0) return [{ ...punch, queue, nextAtMs: nowMs + PACE_MS }, [ping]];
      return [{ kind: 'waiting', peer: punch.peer, first: 0, count: 0, nextAtMs: nowMs + WAIT_MS }, [ping]];
    }
    case 'waiting':
      return stop(punch, used);
    default:
      return punch satisfies never;
  }
}

/** The attempt ends. Sockets over which the peer has spoken live on: one of them is its path to us. */
export function stop(punch: Punch, used: ReadonlySet<SocketId>): Stepped {
  const [first, count] = socketsOf(punch);
  const all = Array.from({ length: count }, (_, i) => first + i);
  return [REST, all.filter((via) => !used.has(via)).map((via) => ({ do: 'close', via }))];
}

export const peerOf = (punch: Punch): PeerId | undefined => (punch.kind === 'rest' ? undefined : punch.peer);

function socketsOf(punch: Punch): readonly [first: SocketId, count: number] {
  if (punch.kind === 'opening') return [punch.first, punch.opened.length];
  return punch.kind === 'waiting' ? [punch.first, punch.count] : [0, 0];
}

function openMore(punch: Extract<Punch, { readonly kind: 'opening' }>, nowMs: number): Stepped {
  const { peer, target, first } = punch;
  const effects: PunchEffect[] = [];
  const opened = [...punch.opened];
  for (let i = 0; i < PER_PACE && opened.length < SOCKETS; i++) {
    effects.push({ do: 'open', via: first + opened.length });
    opened.push(nowMs);
  }
  const isOpen = (i: number): boolean => nowMs - (opened[i] ?? nowMs) >= OPENING_MS;
  let pinged = punch.pinged;
  const routes: { addr: SockAddr; via: SocketId }[] = [];
  for (; pinged < opened.length && routes.length < PER_PACE && isOpen(pinged); pinged++)
    routes.push({ addr: target, via: first + pinged });
  if (routes.length > 0) effects.push({ do: 'ping', routes });
  if (pinged < SOCKETS) return [{ ...punch, opened, pinged, nextAtMs: nowMs + PACE_MS }, effects];
  effects.push({ do: 'call' });
  return [{ kind: 'waiting', peer, first, count: opened.length, nextAtMs: nowMs + WAIT_MS }, effects];
}
