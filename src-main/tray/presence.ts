/** The tray while there is a place for it: it comes and goes with the desktop's host, and with the setting. */
import type { Clock } from '#shared/async/clock.ts';
import { watchTrayHost } from './host.ts';

/** What is put into the tray. */
export interface Shown {
  readonly update: () => void;
  readonly redraw: () => void;
  readonly close: () => void;
}

export interface TrayPresenceOptions {
  readonly clock: Clock;
  readonly platform: string;
  readonly hasHost: () => Promise<boolean>;
  readonly isWanted: () => boolean;
  readonly make: () => Shown;
  /** It appeared, or can't be shown any more. */
  readonly changed: (isThere: boolean) => void;
}

export class TrayPresence {
  readonly #options: TrayPresenceOptions;
  #hasHost = false;
  #shown: Shown | undefined;
  #stopWatching = (): void => undefined;
  #isClosed = false;

  constructor(options: TrayPresenceOptions) {
    this.#options = options;
  }

  get isThere(): boolean {
    return this.#shown !== undefined;
  }

  /** Resolves when it is known whether there is a tray. */
  async start(): Promise<void> {
    const { clock, platform, hasHost } = this.#options;
    this.#hasHost = await hasHost();
    if (this.#isClosed) return;
    const changed = (has: boolean): void => {
      this.#hasHost = has;
      this.settle();
    };
    this.#stopWatching = watchTrayHost({ clock, platform, has: hasHost, changed }, this.#hasHost);
    this.settle();
  }

  /** What is known of host and setting comes into force. */
  settle(): void {
    const { isWanted, make, changed } = this.#options;
    const isWantedNow = !this.#isClosed && this.#hasHost && isWanted();
    if (isWantedNow === this.isThere) return;
    this.#shown?.close();
    this.#shown = isWantedNow ? make() : undefined;
    this.#shown?.update();
    changed(isWantedNow);
  }

  update(): void {
    this.#shown?.update();
  }

  /** Light, or the person's choice, changed: the same state may need another drawing. */
  redraw(): void {
    this.#shown?.redraw();
  }

  close(): void {
    this.#isClosed = true;
    this.#stopWatching();
    this.#shown?.close();
    this.#shown = undefined;
  }
}
