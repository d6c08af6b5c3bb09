/** Electron for tests: keeps what it is told, clones every value that crosses IPC, and lets a test be the system. */
import type {
  MenuEntry,
  Notice,
  PageRules,
  Rect,
  Sender,
  ServedFile,
  Shell,
  ShellTray,
  ShellWindow,
  WindowOptions,
} from '../shell.ts';

type Listener = () => void;

export class FakeWindow implements ShellWindow {
  readonly id: number;
  readonly options: WindowOptions;
  readonly sent: { readonly name: string; readonly value: unknown }[] = [];
  loaded = '';
  reloads = 0;
  isClosed = false;
  #state = { visible: false, focused: false, minimized: false, maximized: false };
  #close: ((prevent: Listener) => void)[] = [];
  #closed: Listener[] = [];
  #seen: Listener[] = [];
  #moved: Listener[] = [];
  #gone: ((reason: string) => void)[] = [];
  bounds: Rect;

  constructor(id: number, options: WindowOptions) {
    this.id = id;
    this.options = options;
    this.bounds = { x: 10, y: 10, ...options.bounds };
  }

  async load(url: string): Promise<void> {
    this.loaded = url;
  }
  show(): void {
    this.#set({ visible: true, focused: true });
  }
  hide(): void {
    this.#set({ visible: false, focused: false });
  }
  focus(): void {
    this.#set({ focused: true });
  }
  restore(): void {
    this.#set({ minimized: false });
  }
  reload(): void {
    this.reloads++;
  }
  destroy(): void {
    this.isClosed = true;
    for (const listener of this.#closed) listener();
  }
  maximize(): void {
    this.#state.maximized = true;
  }
  isVisible = (): boolean => this.#state.visible;
  isFocused = (): boolean => this.#state.focused;
  isMinimized = (): boolean => this.#state.minimized;
  isMaximized = (): boolean => this.#state.maximized;
  normalBounds = (): Rect => this.bounds;
  send(_channel: string, name: string, value: unknown): void {
    this.sent.push({ name, value: structuredClone(value) });
  }
  onClose(listener: (prevent: Listener) => void): void {
    this.#close.push(listener);
  }
  onClosed(listener: Listener): void {
    this.#closed.push(listener);
  }
  onSeen(listener: Listener): void {
    this.#seen.push(listener);
  }
  onMoved(listener: Listener): void {
    this.#moved.push(listener);
  }
  onReady(listener: Listener): void {
    listener();
  }
  onGone(listener: (reason: string) => void): void {
    this.#gone.push(listener);
  }

  /** The person clicks the cross. */
  userCloses(): void {
    let isPrevented = false;
    for (const listener of this.#close)
      listener(() => {
        isPrevented = true;
      });
    if (!isPrevented) this.destroy();
  }
  blur(): void {
    this.#set({ focused: false });
  }
  moveTo(bounds: Rect): void {
    this.bounds = bounds;
    for (const listener of this.#moved) listener();
  }
  crash(reason: string): void {
    for (const listener of this.#gone) listener(reason);
  }

  #set(change: Partial<{ visible: boolean; focused: boolean; minimized: boolean }>): void {
    Object.assign(this.#state, change);
    for (const listener of this.#seen) listener();
  }
}

export class FakeTray implements ShellTray {
  image: string;
  images: string[];
  tooltip = '';
  menus: (readonly MenuEntry[])[] = [];
  isDestroyed = false;
  click: Listener = () => undefined;
  constructor(image: string) {
    this.image = image;
    this.images = [image];
  }
  setImage(path: string): void {
    this.image = path;
    this.images.push(path);
  }
  setTooltip(text: string): void {
    this.tooltip = text;
  }
  setMenu(items: readonly MenuEntry[]): void {
    this.menus.push(items);
  }
  onClick(listener: Listener): void {
    this.click = listener;
  }
  destroy(): void {
    this.isDestroyed = true;
  }
  /** The person chooses an entry, wherever it is in the menu. */
  choose(id: string): void {
    const found = find(this.menus.at(-1) ?? [], id);
    if (found === undefined || !('click' in found)) throw new Error(`the menu has no entry ${id}`);
    found.click();
  }
}

function find(items: readonly MenuEntry[], id: string): MenuEntry | undefined {
  for (const item of items) {
    if (item.kind === 'separator') continue;
    if (item.id === id) return item;
    const inside = item.kind === 'submenu' ? find(item.items, id) : undefined;
    if (inside !== undefined) return inside;
  }
  return undefined;
}

export interface FakeNotice extends Notice {
  isClosed: boolean;
}

export class FakeShell implements Shell {
  readonly windows: FakeWindow[] = [];
  readonly trays: FakeTray[] = [];
  readonly notices: FakeNotice[] = [];
  readonly opened: string[] = [];
  readonly did: string[] = [];
  clipboard = '';
  theme = 'system';
  rules: PageRules | undefined;
  answers: ((url: string, method: string) => Promise<ServedFile>) | undefined;
  isFirst = true;
  isLoginItem = false;
  isPackaged = true;
  versionOnDisk: string | undefined = '1.2.3';
  answerToAsk = 1;
  readonly on: Record<string, ((...args: never[]) => void)[]> = {};
  #handlers = new Map<string, (sender: Sender, ...args: readonly unknown[]) => Promise<unknown>>();

  readonly app: Shell['app'] = {
    version: '1.2.3',
    isPackaged: true,
    folder: '/opt/Rhumb/resources/app.asar',
    versionOnDisk: () => this.versionOnDisk,
    userData: '/home/me/.config/Rhumb',
    locale: () => 'en-GB',
    ready: async () => undefined,
    quit: () => {
      let isPrevented = false;
      this.tell('before-quit', () => {
        isPrevented = true;
      });
      if (!isPrevented) this.did.push('quit');
    },
    exit: (code) => void this.did.push(`exit ${code}`),
    relaunch: (args) => void this.did.push(`relaunch ${args.join(' ')}`),
    takeSingleInstance: () => this.isFirst,
    enableSandbox: () => void this.did.push('sandbox'),
    setUserModelId: (id) => void this.did.push(`model ${id}`),
    addSwitch: (name, value) => void this.did.push(`switch ${name}${value === undefined ? '' : `=${value}`}`),
    handleLinks: (scheme) => void this.did.push(`links ${scheme}`),
    onSecondInstance: (listener) => this.#listen('second-instance', listener),
    onLink: (listener) => this.#listen('link', listener),
    onActivate: (listener) => this.#listen('activate', listener),
    onAllWindowsClosed: (listener) => this.#listen('all-closed', listener),
    onBeforeQuit: (listener) => this.#listen('before-quit', listener),
    onGpuGone: (listener) => this.#listen('gpu-gone', listener),
    loginItem: () => ({ isOn: this.isLoginItem, needsApproval: false }),
    setLoginItem: (isOn, args) => {
      this.isLoginItem = isOn;
      this.did.push(`login-item ${isOn} ${args.join(' ')}`);
    },
    daemonItem: () => 'enabled',
    setDaemonItem: (plist, isOn) => void this.did.push(`daemon-item ${plist} ${isOn}`),
  };

  declareScheme = (scheme: string): void => void this.did.push(`scheme ${scheme}`);
  serve = (_scheme: string, answer: (url: string, method: string) => Promise<ServedFile>): void => {
    this.answers = answer;
  };
  guard = (rules: PageRules): void => {
    this.rules = rules;
  };
  openWindow = (options: WindowOptions): FakeWindow => {
    const made = new FakeWindow(this.windows.length + 1, options);
    this.windows.push(made);
    return made;
  };
  handle = (
    channel: string,
    answer: (sender: Sender, ...args: readonly unknown[]) => Promise<unknown>,
  ): void => {
    this.#handlers.set(channel, answer);
  };
  openTray = (image: string): FakeTray => {
    const made = new FakeTray(image);
    this.trays.push(made);
    return made;
  };
  setMainMenu = (items: readonly MenuEntry[] | undefined): void =>
    void this.did.push(items === undefined ? 'no menu' : 'menu');
  notify = (notice: Notice): (() => void) => {
    const kept = { ...notice, isClosed: false };
    this.notices.push(kept);
    return () => {
      kept.isClosed = true;
    };
  };
  canNotify = (): boolean => true;
  openExternal = async (url: string): Promise<void> => void this.opened.push(url);
  writeClipboard = async (text: string): Promise<void> => {
    this.clipboard = text;
  };
  displays = (): readonly Rect[] => [{ x: 0, y: 0, width: 1920, height: 1080 }];
  onSuspend = (listener: Listener): void => this.#listen('suspend', listener);
  onResume = (listener: Listener): void => this.#listen('resume', listener);
  setTheme = (theme: string): void => {
    this.theme = theme;
  };
  isDark = (): boolean => false;
  isBarDark = (): boolean => false;
  onThemeChange = (listener: Listener): void => this.#listen('theme', listener);
  ask = async (): Promise<number> => this.answerToAsk;

  /** A message over IPC, its values cloned as Electron does. */
  async invoke(channel: string, sender: Partial<Sender>, ...args: unknown[]): Promise<unknown> {
    const answer = this.#handlers.get(channel);
    if (answer === undefined) throw new Error(`nobody answers ${channel}`);
    const from = { windowId: 1, isMainFrame: true, url: 'app://ui/', ...sender };
    return structuredClone(await answer(from, ...structuredClone(args)));
  }

  tell(event: string, ...args: unknown[]): void {
    for (const listener of this.on[event] ?? []) (listener as (...all: unknown[]) => void)(...args);
  }

  #listen(event: string, listener: (...args: never[]) => void): void {
    this.on[event] = [...(this.on[event] ?? []), listener];
  }
}
