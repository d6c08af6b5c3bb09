/** The one window: opened when first wanted, hidden or closed as chosen, brought back where it was. */
import type { Clock } from '#shared/async/clock.ts';
import type { Log } from '#shared/log/log.ts';
import { APP_ORIGIN, PRODUCT } from '../product.ts';
import type { Shell, ShellWindow, WebPreferences } from '../shell.ts';
import { MIN_HEIGHT, MIN_WIDTH, type Placement, placeWindow } from './placement.ts';

/** Moving a window tells of each pixel. */
const SETTLE_MS = 500;
/** A page that fails again within this is not loaded again by itself. */
const GONE_AGAIN_MS = 10_000;
/** Of the page before it has drawn anything. */
const BACKGROUND = { light: '#ffffff', dark: '#17191c' };

export interface MainWindowOptions {
  readonly shell: Pick<Shell, 'openWindow' | 'displays' | 'isDark'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly webPreferences: () => WebPreferences;
  readonly icon: string | undefined;
  readonly lastPlacement: () => Placement | undefined;
  readonly placed: (placement: Placement) => void;
  /** Whether a closed window stays for later. */
  readonly closeMeans: () => 'hide' | 'quit';
  /** There is a new page in it: of a new window, or in the place of one that failed. */
  readonly opened: (window: ShellWindow) => void;
  readonly closed: () => void;
  /** Shown, hidden, focused or not. */
  readonly seen: () => void;
  /** The page failed twice: somebody has to be asked. */
  readonly failed: () => void;
}

export class MainWindow {
  readonly #options: MainWindowOptions;
  #window: ShellWindow | undefined;
  #isQuitting = false;
  #goneAtMs = Number.NEGATIVE_INFINITY;
  #cancelPlaced: (() => void) | undefined;

  constructor(options: MainWindowOptions) {
    this.#options = options;
  }

  get isVisible(): boolean {
    return this.#window?.isVisible() === true && !this.#window.isMinimized();
  }

  /** There, and nowhere to be seen; one that was minimised has its place in the bar. */
  get isHidden(): boolean {
    return this.#window === undefined || !(this.#window.isVisible() || this.#window.isMinimized());
  }

  get isFocused(): boolean {
    return this.isVisible && this.#window?.isFocused() === true;
  }

  /** In front of the person, opened if it must be. */
  show(): void {
    if (this.#window === undefined) this.open(true);
    else {
      if (this.#window.isMinimized()) this.#window.restore();
      this.#window.show();
      this.#window.focus();
    }
  }

  hide(): void {
    this.#window?.hide();
  }

  /** A click on the tray's icon: there and away again. */
  toggle(): void {
    if (this.isFocused) this.hide();
    else this.show();
  }

  /** From now on closing is closing. */
  prepareToQuit(): void {
    this.#isQuitting = true;
    this.#cancelPlaced?.();
  }

  open(isShown: boolean): void {
    const { shell, webPreferences, icon, lastPlacement, opened, log } = this.#options;
    const last = lastPlacement();
    const made = shell.openWindow({
      title: PRODUCT,
      bounds: placeWindow(last, shell.displays()),
      minWidth: MIN_WIDTH,
      minHeight: MIN_HEIGHT,
      background: shell.isDark() ? BACKGROUND.dark : BACKGROUND.light,
      icon,
      webPreferences: webPreferences(),
    });
    this.#window = made;
    this.#listen(made);
    opened(made);
    if (isShown)
      made.onReady(() => {
        if (last?.isMaximized === true) made.maximize();
        made.show();
      });
    made.load(`${APP_ORIGIN}/`).catch((error: unknown) => log('error', 'window.not-loaded', { error }));
  }

  #listen(made: ShellWindow): void {
    const { closeMeans, closed, seen, clock } = this.#options;
    made.onClose((prevent) => {
      this.#place(made);
      if (this.#isQuitting || closeMeans() === 'quit') return;
      prevent();
      made.hide();
    });
    made.onClosed(() => {
      this.#window = undefined;
      this.#cancelPlaced?.();
      closed();
    });
    made.onSeen(seen);
    made.onMoved(() => {
      this.#cancelPlaced?.();
      this.#cancelPlaced = clock.after(SETTLE_MS, () => this.#place(made));
    });
    made.onGone((reason) => this.#gone(made, reason));
  }

  #place(made: ShellWindow): void {
    this.#cancelPlaced?.();
    this.#options.placed({ ...made.normalBounds(), isMaximized: made.isMaximized() });
  }

  #gone(made: ShellWindow, reason: string): void {
    const { clock, log, failed, opened } = this.#options;
    if (this.#isQuitting || reason === 'clean-exit') return;
    log('error', 'window.page-gone', { reason });
    const isAgain = clock.monotonic() - this.#goneAtMs < GONE_AGAIN_MS;
    this.#goneAtMs = clock.monotonic();
    if (isAgain) failed();
    else {
      opened(made);
      made.reload();
    }
  }
}
