/** What the program uses of Electron, in plain values: electron.ts is the one that really does it, the tests bring their own. */

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface WindowOptions {
  readonly title: string;
  readonly bounds: Partial<Rect> & { readonly width: number; readonly height: number };
  readonly minWidth: number;
  readonly minHeight: number;
  readonly background: string;
  readonly icon: string | undefined;
  readonly webPreferences: WebPreferences;
}

export interface WebPreferences {
  readonly preload: string;
  /** Seen by the preload as arguments of its process. */
  readonly additionalArguments: string[];
  readonly contextIsolation: true;
  readonly sandbox: true;
  readonly nodeIntegration: false;
  readonly nodeIntegrationInWorker: false;
  readonly nodeIntegrationInSubFrames: false;
  readonly webSecurity: true;
  readonly webviewTag: false;
  readonly devTools: boolean;
  readonly spellcheck: false;
  readonly navigateOnDragDrop: false;
  readonly safeDialogs: true;
}

/** Who sent a message over IPC, as far as it can be known. */
export interface Sender {
  readonly windowId: number | undefined;
  readonly isMainFrame: boolean;
  readonly url: string;
}

export interface ShellWindow {
  readonly id: number;
  load(url: string): Promise<void>;
  show(): void;
  hide(): void;
  focus(): void;
  restore(): void;
  reload(): void;
  destroy(): void;
  maximize(): void;
  isVisible(): boolean;
  isFocused(): boolean;
  isMinimized(): boolean;
  isMaximized(): boolean;
  /** Of the window as it is when neither maximised nor minimised. */
  normalBounds(): Rect;
  send(channel: string, name: string, value: unknown): void;
  /** `prevent` keeps it open. */
  onClose(listener: (prevent: () => void) => void): void;
  onClosed(listener: () => void): void;
  /** Shown, hidden, focused, blurred, minimised or restored. */
  onSeen(listener: () => void): void;
  onMoved(listener: () => void): void;
  onReady(listener: () => void): void;
  /** The page's process ended. */
  onGone(listener: (reason: string) => void): void;
}

/** Decisions about everything a page may try; all are asked for each page, whatever window it is in. */
export interface PageRules {
  /** Leaving the page, in any frame. */
  readonly mayNavigate: (url: string) => boolean;
  readonly mayRequest: (url: string) => boolean;
  readonly mayUse: (permission: string, origin: string) => boolean;
}

export interface ServedFile {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export type MenuEntry =
  | { readonly kind: 'separator' }
  | { readonly kind: 'label'; readonly id: string; readonly text: string }
  | {
      readonly kind: 'action' | 'check' | 'radio';
      readonly id: string;
      readonly text: string;
      readonly isChecked: boolean;
      readonly isEnabled: boolean;
      readonly click: () => void;
    }
  | {
      readonly kind: 'submenu';
      readonly id: string;
      readonly text: string;
      readonly items: readonly MenuEntry[];
    };

export interface ShellTray {
  setImage(path: string): void;
  setTooltip(text: string): void;
  setMenu(items: readonly MenuEntry[]): void;
  onClick(listener: () => void): void;
  destroy(): void;
}

export interface Notice {
  readonly title: string;
  readonly body: string;
  readonly isUrgent: boolean;
  readonly isLasting: boolean;
  readonly actions: readonly string[];
  readonly onClick: () => void;
  readonly onAction: (index: number) => void;
  readonly onFailed: (why: string) => void;
}

export interface LoginItem {
  readonly isOn: boolean;
  /** Only macOS tells. */
  readonly needsApproval: boolean;
}

export interface ShellApp {
  readonly version: string;
  /** Packed by electron-builder, as people get it. */
  readonly isPackaged: boolean;
  /** Folder of package.json: the asar, or the checkout. */
  readonly folder: string;
  /** Of what lies in that folder now; undefined = nobody can say. */
  readonly versionOnDisk: () => string | undefined;
  readonly userData: string;
  readonly locale: () => string;
  readonly ready: () => Promise<void>;
  readonly quit: () => void;
  readonly exit: (code: number) => void;
  readonly relaunch: (args: readonly string[]) => void;
  readonly takeSingleInstance: () => boolean;
  readonly enableSandbox: () => void;
  readonly setUserModelId: (id: string) => void;
  readonly addSwitch: (name: string, value?: string) => void;
  readonly handleLinks: (scheme: string) => void;
  readonly onSecondInstance: (listener: (argv: readonly string[]) => void) => void;
  readonly onLink: (listener: (url: string) => void) => void;
  readonly onActivate: (listener: () => void) => void;
  readonly onAllWindowsClosed: (listener: () => void) => void;
  /** `prevent` puts it off. */
  readonly onBeforeQuit: (listener: (prevent: () => void) => void) => void;
  readonly onGpuGone: (listener: (reason: string) => void) => void;
  readonly loginItem: () => LoginItem;
  readonly setLoginItem: (isOn: boolean, args: readonly string[]) => void;
  /** macOS: the launch daemon inside the bundle. */
  readonly daemonItem: (plist: string) => string;
  readonly setDaemonItem: (plist: string, isOn: boolean) => void;
}

export interface Shell {
  readonly app: ShellApp;
  /** Before `ready`. */
  readonly declareScheme: (scheme: string) => void;
  readonly serve: (scheme: string, answer: (url: string, method: string) => Promise<ServedFile>) => void;
  /** Applies the rules to the session and to every page that is ever made. */
  readonly guard: (rules: PageRules) => void;
  readonly openWindow: (options: WindowOptions) => ShellWindow;
  readonly handle: (
    channel: string,
    answer: (sender: Sender, ...args: readonly unknown[]) => Promise<unknown>,
  ) => void;
  readonly openTray: (image: string) => ShellTray;
  readonly setMainMenu: (items: readonly MenuEntry[] | undefined) => void;
  /** Returns how to close it. */
  readonly notify: (notice: Notice) => () => void;
  readonly canNotify: () => boolean;
  readonly openExternal: (url: string) => Promise<void>;
  readonly writeClipboard: (text: string) => Promise<void>;
  readonly displays: () => readonly Rect[];
  readonly onSuspend: (listener: () => void) => void;
  readonly onResume: (listener: () => void) => void;
  readonly setTheme: (theme: 'system' | 'light' | 'dark') => void;
  readonly isDark: () => boolean;
  /** Of the bar that the tray's icon is in, whatever our own theme is. */
  readonly isBarDark: () => boolean;
  readonly onThemeChange: (listener: () => void) => void;
  /** Index of the button that was pressed. */
  readonly ask: (question: {
    readonly message: string;
    readonly detail: string;
    readonly buttons: readonly string[];
  }) => Promise<number>;
}
