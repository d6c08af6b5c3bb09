/** What a check finds out beside its STUN round: port mapping services, portals, and whether our own address reaches us. */
import type { Clock } from '../async/clock.ts';
import { within } from '../async/within.ts';
import { equal } from '../bytes/bytes.ts';
import { randomBytes } from '../crypto/random.ts';
import { formatSockAddr, type SockAddr } from '../ip/address.ts';
import type { Log } from '../log/log.ts';
import { decodeRequest, encodeRequest, TX_ID_BYTES } from '../stun/stun.ts';
import type { DerpMap } from '../wire/map.ts';
import { type CaptiveDeps, detectCaptive } from './captive.ts';
import type { Draft } from './report.ts';

/** STUN gets this head start before the web is asked about a portal. */
const CAPTIVE_DELAY_MS = 200;
/** A router that reflects does so at once. */
const HAIRPIN_WAIT_MS = 100;

export interface PortmapProbe {
  readonly pmp: boolean;
  readonly pcp: boolean;
  readonly upnp: boolean;
}

interface PortmapDeps {
  readonly log: Log;
  readonly portmap?: ((signal: AbortSignal) => Promise<PortmapProbe>) | undefined;
}

/** Never rejects: without an answer there is no service. */
export async function probePortmap(
  { portmap, log }: PortmapDeps,
  draft: Draft,
  signal: AbortSignal,
): Promise<void> {
  if (portmap === undefined) return;
  Object.assign(draft, { upnp: false, pmp: false, pcp: false });
  try {
    const { upnp, pmp, pcp } = await within(portmap(signal), signal);
    Object.assign(draft, { upnp, pmp, pcp });
  } catch (error) {
    if (!signal.aborted) log('debug', 'netcheck.portmap-failed', { error: String(error) });
  }
}

interface PortalDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly captive: Omit<CaptiveDeps, 'clock'> | undefined;
}

interface PortalAsk {
  readonly map: DerpMap;
  readonly home: number;
  /** Look also where STUN works. */
  readonly isVerbose: boolean;
}

/** In full checks, unless STUN had an answer soon; never rejects. */
export async function lookForPortal(
  { captive, clock, log }: PortalDeps,
  draft: Draft,
  { map, home, isVerbose }: PortalAsk,
  signal: AbortSignal,
): Promise<void> {
  if (captive === undefined || !draft.isFull) return;
  try {
    await clock.sleep(CAPTIVE_DELAY_MS, signal);
    if (draft.udp && !isVerbose) return;
    draft.captivePortal = await within(detectCaptive({ ...captive, clock }, map, home, signal), signal);
  } catch (error) {
    if (!signal.aborted) log('debug', 'netcheck.portal-failed', { error: String(error) });
  }
}

export interface HairpinDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** From another socket than the one whose address is tried. */
  readonly send: (to: SockAddr, datagram: Uint8Array) => Promise<void>;
}

/** A request to our own address: whether it comes back in tells if two machines behind this NAT can meet outside of it. */
export class Hairpin {
  readonly #deps: HairpinDeps;
  #waiting: { readonly txId: Uint8Array; readonly seen: () => void } | undefined;

  constructor(deps: HairpinDeps) {
    this.#deps = deps;
  }

  /** Never rejects. */
  async probe(draft: Draft, to: SockAddr, signal: AbortSignal): Promise<void> {
    const { clock, log, send } = this.#deps;
    const txId = randomBytes(TX_ID_BYTES);
    const came = new AbortController();
    const seen = (): void => {
      draft.hairpin = true;
      came.abort();
    };
    this.#waiting = { txId, seen };
    try {
      await within(send(to, encodeRequest(txId)), signal);
      draft.hairpin ??= false;
      await clock.sleep(HAIRPIN_WAIT_MS, AbortSignal.any([signal, came.signal]));
    } catch (error) {
      if (!signal.aborted && !came.signal.aborted)
        log('debug', 'netcheck.hairpin-failed', { to: formatSockAddr(to), error: String(error) });
    } finally {
      this.#waiting = undefined;
    }
  }

  /** A binding request that came in; true when it was ours. */
  handle(datagram: Uint8Array): boolean {
    const request = decodeRequest(datagram);
    if (request === undefined || this.#waiting === undefined || !equal(request.txId, this.#waiting.txId))
      return false;
    this.#waiting.seen();
    return true;
  }
}
