/** What the data plane shall be for what the daemon knows, worked out once per map, and again when a key expires. */
import type { Clock } from '#shared/async/clock.ts';
import { NetfilterMode } from '#shared/localapi/prefs.ts';
import type { NetworkMap } from '../control/types.ts';
import type { KillSwitch } from '../router/types.ts';
import { attachedNetworks } from './attached.ts';
import { holdsBack } from './exit-choice.ts';
import { nextExpiryOf } from './expiry-calendar.ts';
import type { Knowledge } from './knowledge.ts';
import type { PlaneConfig } from './plane.ts';
import { PLANE_PREFS, type PlaneInput, type PlanePrefs } from './plane-config.ts';
import { PlaneMaker } from './plane-maker.ts';

/** What a configuration was made of, but for the time. */
type Source = Omit<PlaneInput, 'nowMs'>;

export class PlaneWish {
  readonly #clock: Clock;
  readonly #expired: () => void;
  #last: { readonly source: Source; readonly config: PlaneConfig } | undefined;
  readonly #maker = new PlaneMaker();
  #closed: KillSwitch | undefined;
  #armedFor: NetworkMap | undefined;
  #cancelTimer: (() => void) | undefined;
  /** When the timer is due, by the wall clock: timers stand still while the machine sleeps. */
  #dueAtMs = Number.POSITIVE_INFINITY;

  /** `expired` is called when a key, ours or a peer's, may have expired by now. */
  constructor(clock: Clock, expired: () => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /** The same object as long as nothing changes; undefined = everything taken away. */
  for({ state, blocked, map, profile, lan }: Knowledge): PlaneConfig | undefined {
    const { prefs } = profile;
    const privateKey = profile.persist.nodeKey;
    const isUp = state === 'Starting' || state === 'Running' || state === 'NeedsMachineAuth';
    if (!isUp || blocked || map === undefined || privateKey === undefined) return undefined;
    const source = { map, privateKey, prefs, lan };
    if (this.#clock.now() >= this.#dueAtMs) this.#timeHasCome();
    const last = this.#last;
    if (last !== undefined && isSame(last.source, source)) return last.config;
    const config = this.#maker.make({ ...source, nowMs: this.#clock.now() });
    this.#last = { source, config };
    return config;
  }

  /**
   * What keeps packets in while there is no configuration: whoever wants an exit node must lose it by no other act than his
   * own, so neither a key that has expired nor a server that is silent opens the way.
   */
  closed({ profile: { prefs }, lan }: Knowledge): KillSwitch | undefined {
    if (!holdsBack(prefs)) return undefined;
    const wanted = prefs.ExitNodeAllowLANAccess ? attachedNetworks(lan).own : [];
    const isOff = prefs.NetfilterMode === NetfilterMode.Off;
    const closed: KillSwitch = isOff ? { lan: wanted, byRoutesOnly: true } : { lan: wanted };
    if (JSON.stringify(closed) !== JSON.stringify(this.#closed)) this.#closed = closed;
    return this.#closed;
  }

  /** One timer for the next expiry that this map knows of. */
  watchExpiry(map: NetworkMap | undefined): void {
    if (map === this.#armedFor) return;
    this.#armedFor = map;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    if (map === undefined) return;
    const wait = nextExpiryOf(map, this.#clock.now());
    if (wait === undefined) return;
    this.#dueAtMs = this.#clock.now() + wait;
    this.#cancelTimer = this.#clock.after(wait, () => {
      this.#timeHasCome();
      this.#expired();
    });
  }

  /** Nothing made before holds. */
  #timeHasCome(): void {
    this.#last = undefined;
    this.#maker.forget();
    this.#armedFor = undefined;
  }

  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}

const isSame = (a: Source, b: Source): boolean =>
  a.map === b.map && a.privateKey === b.privateKey && a.lan === b.lan && isSamePrefs(a.prefs, b.prefs);

const isSamePrefs = (a: PlanePrefs, b: PlanePrefs): boolean =>
  a === b || PLANE_PREFS.every((name) => JSON.stringify(a[name]) === JSON.stringify(b[name]));
