/** Puts the model into the system's tray: only when it changed, and not more often than twice a second. */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '#shared/async/clock.ts';
import type { MenuEntry, Shell, ShellTray } from '../shell.ts';
import type { TrayAction, TrayItem, TrayModel } from './types.ts';

const SPACING_MS = 500;
/** GNOME may leave the old picture until it is told again (electron#54152). */
const REPAINT_MS = 1_000;

export interface TrayAdapterOptions {
  readonly shell: Pick<Shell, 'openTray'>;
  readonly clock: Clock;
  readonly platform: string;
  /** What there is to show now; asked for only when it can be shown. */
  readonly model: () => TrayModel;
  /** The file of a drawing. */
  readonly image: (model: TrayModel) => string;
  /** Resolves when it is done, or has failed and that was told. */
  readonly act: (action: TrayAction) => Promise<unknown>;
  /** A click on the icon itself, where the system tells of it. */
  readonly clicked: () => void;
}

export class TrayAdapter {
  readonly #options: TrayAdapterOptions;
  #tray: ShellTray | undefined;
  #shown: TrayModel | undefined;
  /** A mark was clicked: the system moves it, whether what it stands for comes true or not. */
  #hasMovedMarks = false;
  #image = '';
  #lastMs = Number.NEGATIVE_INFINITY;
  #cancelShow: (() => void) | undefined;
  #cancelRepaint: (() => void) | undefined;

  constructor(options: TrayAdapterOptions) {
    this.#options = options;
  }

  /** Something changed, perhaps also what is shown. With thousands of devices finding that out takes its time. */
  update(): void {
    if (this.#cancelShow !== undefined) return;
    const { clock } = this.#options;
    const wait = this.#lastMs + SPACING_MS - clock.monotonic();
    if (wait <= 0) this.#apply();
    else
      this.#cancelShow = clock.after(wait, () => {
        this.#cancelShow = undefined;
        this.#apply();
      });
  }

  /** The look of the system or of the setting changed: the same model may need another drawing. */
  redraw(): void {
    if (this.#tray !== undefined && this.#shown !== undefined) this.#setImage(this.#tray, this.#shown);
  }

  close(): void {
    this.#cancelShow?.();
    this.#cancelShow = undefined;
    this.#cancelRepaint?.();
    this.#tray?.destroy();
    this.#tray = undefined;
    this.#shown = undefined;
    this.#image = '';
  }

  #apply(): void {
    const { shell, clock, image, platform, clicked } = this.#options;
    this.#lastMs = clock.monotonic();
    const model = this.#options.model();
    if (!this.#hasMovedMarks && isDeepStrictEqual(model, this.#shown)) return;
    if (this.#tray === undefined) {
      this.#image = image(model);
      this.#tray = shell.openTray(this.#image);
      // Elsewhere a click opens the menu, or is never told of.
      if (platform === 'win32' || platform === 'linux') this.#tray.onClick(clicked);
    } else this.#setImage(this.#tray, model);
    this.#tray.setTooltip(model.tooltip);
    if (this.#hasMovedMarks || !isDeepStrictEqual(model.menu, this.#shown?.menu))
      this.#tray.setMenu(model.menu.map((item) => this.#entry(item)));
    this.#hasMovedMarks = false;
    this.#shown = model;
  }

  #setImage(tray: ShellTray, model: TrayModel): void {
    const { image, platform, clock } = this.#options;
    const file = image(model);
    if (file === this.#image) return;
    this.#image = file;
    tray.setImage(file);
    if (platform !== 'linux') return;
    this.#cancelRepaint?.();
    this.#cancelRepaint = clock.after(REPAINT_MS, () => tray.setImage(this.#image));
  }

  #entry(item: TrayItem): MenuEntry {
    if (item.kind === 'separator' || item.kind === 'label') return item;
    if (item.kind === 'submenu') return { ...item, items: item.items.map((one) => this.#entry(one)) };
    const { does, ...entry } = item;
    return { ...entry, click: () => void this.#clicked(item.kind !== 'action', does) };
  }

  async #clicked(isMark: boolean, does: TrayAction): Promise<void> {
    await this.#options.act(does);
    if (!isMark || this.#tray === undefined) return;
    this.#hasMovedMarks = true;
    this.update();
  }
}
