/** The one file that imports Electron: every function of Shell, done; it decides nothing. */
import {
  app,
  BrowserWindow,
  clipboard,
  dialog,
  ipcMain,
  Menu,
  type MenuItemConstructorOptions,
  Notification,
  nativeImage,
  nativeTheme,
  powerMonitor,
  protocol,
  screen,
  session,
  shell as system,
  Tray,
  type WebContents,
} from 'electron';
import type {
  MenuEntry,
  Notice,
  PageRules,
  Sender,
  ServedFile,
  Shell,
  ShellApp,
  ShellTray,
  ShellWindow,
  WindowOptions,
} from './shell.ts';
import { versionOnDisk } from './update/on-disk.ts';

const electronApp: ShellApp = {
  version: app.getVersion(),
  isPackaged: app.isPackaged,
  folder: app.getAppPath(),
  versionOnDisk: () => asFiles(() => versionOnDisk(app.getAppPath())),
  userData: app.getPath('userData'),
  locale: () => app.getPreferredSystemLanguages()[0] ?? app.getLocale(),
  ready: () => app.whenReady(),
  quit: () => app.quit(),
  exit: (code) => app.exit(code),
  relaunch: (args) => app.relaunch({ args: [...args] }),
  takeSingleInstance: () => app.requestSingleInstanceLock(),
  enableSandbox: () => app.enableSandbox(),
  setUserModelId: (id) => app.setAppUserModelId(id),
  addSwitch: (name, value) =>
    value === undefined ? app.commandLine.appendSwitch(name) : app.commandLine.appendSwitch(name, value),
  // Behind `--` Chromium takes nothing of a link for an option.
  handleLinks: (scheme) =>
    process.platform === 'win32'
      ? void app.setAsDefaultProtocolClient(scheme, process.execPath, ['--'])
      : void app.setAsDefaultProtocolClient(scheme),
  onSecondInstance: (listener) => void app.on('second-instance', (_event, argv) => listener(argv)),
  onLink: (listener) =>
    void app.on('open-url', (event, url) => {
      event.preventDefault();
      listener(url);
    }),
  onActivate: (listener) => void app.on('activate', () => listener()),
  onAllWindowsClosed: (listener) => void app.on('window-all-closed', listener),
  onBeforeQuit: (listener) => void app.on('before-quit', (event) => listener(() => event.preventDefault())),
  onGpuGone: (listener) =>
    void app.on('child-process-gone', (_event, { type, reason }) => {
      if (type === 'GPU') listener(reason);
    }),
  loginItem: () => {
    const { openAtLogin, executableWillLaunchAtLogin, status } = app.getLoginItemSettings();
    // On Windows the first is about one list of arguments; the second about all of them.
    const isOn = process.platform === 'win32' ? executableWillLaunchAtLogin : openAtLogin;
    return { isOn, needsApproval: status === 'requires-approval' };
  },
  setLoginItem: (isOn, args) => app.setLoginItemSettings({ openAtLogin: isOn, args: [...args] }),
  daemonItem: (plist) => app.getLoginItemSettings({ type: 'daemonService', serviceName: plist }).status,
  setDaemonItem: (plist, isOn) =>
    app.setLoginItemSettings({ type: 'daemonService', serviceName: plist, openAtLogin: isOn }),
};

/** Archives are files meanwhile, not folders. */
function asFiles<T>(work: () => T): T {
  const { noAsar } = process;
  process.noAsar = true;
  try {
    return work();
  } finally {
    process.noAsar = noAsar;
  }
}

function guard(rules: PageRules): void {
  const { defaultSession } = session;
  defaultSession.setPermissionRequestHandler((_contents, permission, answer, { requestingUrl }) =>
    answer(rules.mayUse(permission, originOf(requestingUrl))),
  );
  defaultSession.setPermissionCheckHandler((_contents, permission, origin) =>
    rules.mayUse(permission, originOf(origin)),
  );
  defaultSession.setDevicePermissionHandler(() => false);
  defaultSession.setDisplayMediaRequestHandler((_request, answer) => answer({}));
  defaultSession.webRequest.onBeforeRequest(({ url }, answer) => answer({ cancel: !rules.mayRequest(url) }));
  defaultSession.on('will-download', (event) => event.preventDefault());
  defaultSession.setSpellCheckerEnabled(false);
  void defaultSession.setProxy({ mode: 'direct' });
  app.configureHostResolver({ secureDnsMode: 'off', enableBuiltInResolver: false });
  app.on('web-contents-created', (_event, contents) => guardPage(contents, rules));
}

function guardPage(contents: WebContents, { mayNavigate }: PageRules): void {
  contents.on('will-navigate', (event) => {
    if (!mayNavigate(event.url)) event.preventDefault();
  });
  contents.on('will-frame-navigate', (event) => {
    if (!mayNavigate(event.url)) event.preventDefault();
  });
  contents.on('will-redirect', (event) => {
    if (!mayNavigate(event.url)) event.preventDefault();
  });
  contents.on('will-attach-webview', (event) => event.preventDefault());
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
}

const originOf = (url: string): string => {
  const parsed = URL.parse(url);
  return parsed === null ? '' : `${parsed.protocol}//${parsed.host}`;
};

function openWindow({ bounds, icon, background, webPreferences, ...options }: WindowOptions): ShellWindow {
  const made = new BrowserWindow({
    ...options,
    ...bounds,
    show: false,
    backgroundColor: background,
    webPreferences: { ...webPreferences },
    ...(icon !== undefined && { icon }),
  });
  const contents = made.webContents;
  return {
    id: made.id,
    load: (url) => made.loadURL(url),
    show: () => made.show(),
    hide: () => made.hide(),
    focus: () => made.focus(),
    restore: () => made.restore(),
    reload: () => contents.reload(),
    destroy: () => made.destroy(),
    maximize: () => made.maximize(),
    isVisible: () => made.isVisible(),
    isFocused: () => made.isFocused(),
    isMinimized: () => made.isMinimized(),
    isMaximized: () => made.isMaximized(),
    normalBounds: () => made.getNormalBounds(),
    send: (channel, name, value) => {
      if (!contents.isDestroyed()) contents.send(channel, name, value);
    },
    onClose: (listener) => void made.on('close', (event) => listener(() => event.preventDefault())),
    onClosed: (listener) => void made.on('closed', listener),
    onSeen: (listener) => {
      made.on('show', listener).on('hide', listener).on('focus', listener).on('blur', listener);
      made.on('minimize', listener).on('restore', listener);
    },
    onMoved: (listener) => {
      made.on('move', listener).on('resize', listener).on('maximize', listener).on('unmaximize', listener);
    },
    onReady: (listener) => void made.once('ready-to-show', listener),
    onGone: (listener) => void contents.on('render-process-gone', (_event, { reason }) => listener(reason)),
  };
}

function handle(
  channel: string,
  answer: (sender: Sender, ...args: readonly unknown[]) => Promise<unknown>,
): void {
  ipcMain.handle(channel, ({ sender, senderFrame }, ...args: unknown[]) =>
    answer(
      {
        windowId: BrowserWindow.fromWebContents(sender)?.id,
        isMainFrame: senderFrame !== null && senderFrame === sender.mainFrame,
        url: senderFrame?.url ?? '',
      },
      ...args,
    ),
  );
}

function serve(scheme: string, answer: (url: string, method: string) => Promise<ServedFile>): void {
  protocol.handle(scheme, async ({ url, method }) => {
    const { status, headers, body } = await answer(url, method);
    return new Response(new Uint8Array(body), { status, headers: { ...headers } });
  });
}

const toTemplate = (entry: MenuEntry): MenuItemConstructorOptions => {
  switch (entry.kind) {
    case 'separator':
      return { type: 'separator' };
    case 'label':
      return { id: entry.id, label: entry.text, enabled: false };
    case 'submenu':
      return { id: entry.id, label: entry.text, submenu: entry.items.map(toTemplate) };
    case 'action':
    case 'check':
    case 'radio': {
      const { id, text: label, isChecked: checked, isEnabled: enabled, click } = entry;
      const type = ({ action: 'normal', check: 'checkbox', radio: 'radio' } as const)[entry.kind];
      return { id, label, enabled, type, click, ...(type !== 'normal' && { checked }) };
    }
    default:
      return entry satisfies never;
  }
};

const menuOf = (items: readonly MenuEntry[]): Menu => Menu.buildFromTemplate(items.map(toTemplate));

function openTray(image: string): ShellTray {
  const tray = new Tray(imageOf(image));
  if (process.platform === 'darwin') tray.setIgnoreDoubleClickEvents(true);
  return {
    setImage: (path) => tray.setImage(imageOf(path)),
    setTooltip: (text) => tray.setToolTip(text),
    setMenu: (items) => tray.setContextMenu(menuOf(items)),
    onClick: (listener) => void tray.on('click', listener),
    destroy: () => tray.destroy(),
  };
}

function imageOf(path: string): Electron.NativeImage {
  const image = nativeImage.createFromPath(path);
  if (process.platform === 'darwin') image.setTemplateImage(true);
  return image;
}

function notify({
  title,
  body,
  isUrgent,
  isLasting,
  actions,
  onClick,
  onAction,
  onFailed,
}: Notice): () => void {
  const made = new Notification({
    title,
    body,
    urgency: isUrgent ? 'critical' : 'normal',
    timeoutType: isLasting ? 'never' : 'default',
    actions: actions.map((text) => ({ type: 'button', text })),
  });
  made.on('click', onClick);
  made.on('action', ({ actionIndex }) => onAction(actionIndex));
  made.on('failed', (_event, error) => onFailed(error));
  made.show();
  return () => made.close();
}

/** Electron, as the program uses it. */
export const electron: Shell = {
  app: electronApp,
  declareScheme: (scheme) =>
    protocol.registerSchemesAsPrivileged([
      { scheme, privileges: { standard: true, secure: true, supportFetchAPI: true } },
    ]),
  serve,
  guard,
  openWindow,
  handle,
  openTray,
  setMainMenu: (items) => Menu.setApplicationMenu(items === undefined ? null : menuOf(items)),
  notify,
  canNotify: () => Notification.isSupported(),
  openExternal: (url) => system.openExternal(url),
  writeClipboard: async (text) => await clipboard.writeText(text),
  displays: () => screen.getAllDisplays().map(({ workArea }) => workArea),
  onSuspend: (listener) => void powerMonitor.on('suspend', listener),
  onResume: (listener) => void powerMonitor.on('resume', listener),
  setTheme: (theme) => {
    nativeTheme.themeSource = theme;
  },
  isDark: () => nativeTheme.shouldUseDarkColors,
  // Linux says nothing of its bar alone.
  isBarDark: () =>
    process.platform === 'linux'
      ? nativeTheme.shouldUseDarkColors
      : nativeTheme.shouldUseDarkColorsForSystemIntegratedUI,
  onThemeChange: (listener) => void nativeTheme.on('updated', listener),
  ask: async ({ message, detail, buttons }) =>
    (await dialog.showMessageBox({ type: 'warning', message, detail, buttons: [...buttons] })).response,
};
