/** The desktop program: which part starts when, and who is told of what. Everything it needs is handed in. */
import { join } from 'node:path';
import type { Bridge, Capability, GuiSettings } from '#shared/bridge/contract.ts';
import { Dispatcher, type Handlers } from '#shared/bridge/dispatch.ts';
import type { Desk } from '#shared/desk/desk.ts';
import { tellChanges } from '#shared/desk/view.ts';
import { toRhumbError } from '#shared/errors.ts';
import { deriveUi } from '#shared/ui-state/derive.ts';
import type { Rights } from '#shared/ui-state/types.ts';
import { ownCaller } from './calls/own-caller.ts';
import { PageCaller } from './calls/page-caller.ts';
import { shellCalls } from './calls/shell-calls.ts';
import { Arrivals } from './launch/arrivals.ts';
import { ownOptions } from './launch/options.ts';
import { linkIn, routeOf } from './links.ts';
import { Notifier } from './notify/adapter.ts';
import type { NoticeAction } from './notify/types.ts';
import { APP_ID, APP_SCHEME, HOST_CHANNEL, LINK_SCHEME } from './product.ts';
import { bundleAt } from './protocol/handler.ts';
import { PAGE_RULES, webPreferences } from './security/policy.ts';
import type { Service } from './service/types.ts';
import type { SettingsFile } from './settings/file.ts';
import type { Shell } from './shell.ts';
import type { System } from './system.ts';
import { type Text, textIn } from './text/text.ts';
import { actOn } from './tray/act.ts';
import { TrayAdapter } from './tray/adapter.ts';
import { trayImage } from './tray/image.ts';
import { trayModel } from './tray/model.ts';
import { TrayPresence } from './tray/presence.ts';
import type { TrayModel } from './tray/types.ts';
import { isNewer } from './update/policy.ts';
import { closeMeans } from './window/close.ts';
import { MainWindow } from './window/main-window.ts';

/** What follows the daemon, and the calls that both hosts answer alike. */
export interface Daemon {
  readonly desk: Pick<Desk, 'snapshot' | 'subscribe' | 'setWatched' | 'refresh'> & AsyncDisposable;
  readonly handlers: Partial<Handlers>;
}

export interface AppParts {
  readonly shell: Shell;
  readonly system: System;
  readonly settings: SettingsFile;
  readonly service: Service;
  readonly daemon: Daemon;
  readonly arrivals: Arrivals;
}

/** Before anything is shown; undefined = another one runs, and shows itself instead. */
export function prepare(
  { app, declareScheme }: Pick<Shell, 'app' | 'declareScheme'>,
  system: Pick<System, 'argv'>,
): Arrivals | undefined {
  if (!app.takeSingleInstance()) return undefined;
  app.enableSandbox();
  app.setUserModelId(APP_ID);
  if (ownOptions(system.argv).includes('--disable-gpu')) app.addSwitch('disable-gpu');
  // What is shown needs none of these, and each is a way out.
  app.addSwitch('disable-features', 'WebRtc,MediaRouter,DialMediaRouteProvider');
  app.addSwitch('disable-background-networking');
  app.addSwitch('no-pings');
  declareScheme(APP_SCHEME);
  return new Arrivals(app);
}

/** How long ending may take. */
const END_MS = 1_000;
/** A session that has just begun may still be making the place for a tray. */
const TRAY_COMES_MS = 10_000;

export class App {
  readonly #parts: AppParts;
  readonly #dispatcher: Dispatcher;
  readonly #page: PageCaller;
  readonly #window: MainWindow;
  readonly #notifier: Notifier;
  readonly #tray: TrayPresence;
  #text: Text;
  #hasAttention = false;
  #trayHost: string | undefined;
  #cancelLateShow: (() => void) | undefined;
  #isEnding = false;

  constructor(parts: AppParts) {
    this.#parts = parts;
    const { shell, system, settings, daemon, service } = parts;
    const { clock, log } = system;
    this.#text = textIn(settings.settings.language, shell.app.locale());
    const handlers: Partial<Handlers> = {
      ...daemon.handlers,
      ...shellCalls({
        service,
        updates: system.updates,
        hideWindow: () => this.#window.hide(),
        refresh: () => daemon.desk.refresh(),
        isReplaced: () => isNewer(shell.app.versionOnDisk() ?? '', shell.app.version),
        relaunch: () => this.#relaunch(),
      }),
    };
    this.#dispatcher = new Dispatcher(handlers, clock, (call, error) =>
      log('error', 'call.fault', { call, error: toRhumbError(error).message }),
    );
    this.#page = new PageCaller({
      shell,
      dispatcher: this.#dispatcher,
      rights: () => this.#rights(),
      log,
      told: (caller) => tellChanges(daemon.desk, caller),
    });
    this.#tray = new TrayPresence({
      clock,
      platform: system.platform,
      hasHost: system.hasTrayHost,
      isWanted: () => settings.settings.trayIcon !== 'off',
      make: () => this.#makeTray(),
      changed: (isThere) => this.#trayChanged(isThere),
    });
    this.#window = this.#makeWindow();
    this.#notifier = this.#makeNotifier();
  }

  /** After `ready`: the page's rules, the tray, the window. */
  async start(): Promise<void> {
    const { shell, system, settings, daemon, arrivals } = this.#parts;
    const { argv } = system;
    shell.guard(PAGE_RULES);
    shell.serve(APP_SCHEME, bundleAt(join(shell.app.folder, 'dist', 'app')));
    if (shell.app.isPackaged) shell.app.handleLinks(LINK_SCHEME);
    this.#listen();
    shell.setTheme(settings.settings.theme);
    shell.setMainMenu(undefined);
    const named = system.trayHostName();
    await this.#tray.start();
    this.#trayHost = await named;
    daemon.desk.subscribe(() => this.#changed());
    this.#settleLoginItem();
    settings.subscribe((now, before) => this.#settingsChanged(now, before));
    this.#changed();
    if (ownOptions(argv).includes('--hidden')) this.#startHidden();
    else this.#window.open(true);
    const link = linkIn(argv);
    if (link !== undefined) this.#followLink(link);
    arrivals.follow((arrival) => {
      if (arrival.link === undefined) this.#window.show();
      else this.#followLink(arrival.link);
    });
  }

  /** Until something is asked for; without a tray nobody could. */
  #startHidden(): void {
    this.#parts.daemon.desk.setWatched(false);
    if (this.#tray.isThere) return;
    this.#cancelLateShow = this.#parts.system.clock.after(TRAY_COMES_MS, () => {
      if (!this.#tray.isThere) this.#window.show();
    });
  }

  #listen(): void {
    const { shell, daemon } = this.#parts;
    const { app } = shell;
    app.onActivate(() => this.#window.show());
    // With a tray or a dock the program goes on without a window; otherwise closing it has ended it.
    app.onAllWindowsClosed(() => {
      if (!this.#isEnding && this.#closeMeans() === 'quit') app.quit();
    });
    app.onBeforeQuit((prevent) => {
      if (this.#isEnding) return;
      prevent();
      void this.#end();
    });
    shell.onSuspend(() => daemon.desk.setWatched(false));
    shell.onResume(() => {
      daemon.desk.setWatched(this.#window.isVisible);
      daemon.desk.refresh();
    });
    shell.onThemeChange(() => this.#tray.redraw());
    app.onGpuGone((reason) => {
      const { log, argv } = this.#parts.system;
      log('warn', 'gpu.gone', { reason });
      const isOver = this.#isEnding || reason === 'clean-exit' || reason === 'killed';
      if (isOver || ownOptions(argv).includes('--disable-gpu')) return;
      app.relaunch(['--disable-gpu', ...argv.slice(1)]);
      app.quit();
    });
  }

  #makeWindow(): MainWindow {
    const { shell, system, settings } = this.#parts;
    const { app } = shell;
    return new MainWindow({
      shell,
      clock: system.clock,
      log: system.log,
      webPreferences: () =>
        webPreferences(join(app.folder, 'dist', 'preload', 'preload.cjs'), app.isPackaged, [
          `--${HOST_CHANNEL}=${encodeURIComponent(JSON.stringify(this.#host()))}`,
        ]),
      icon: system.platform === 'darwin' ? undefined : join(app.folder, 'resources', 'icons', '256.png'),
      lastPlacement: () => settings.window,
      placed: (placement) => settings.placed(placement),
      closeMeans: () => this.#closeMeans(),
      opened: (window) => this.#page.attach(window),
      closed: () => {
        this.#page.detach();
        this.#seen();
      },
      seen: () => this.#seen(),
      failed: () => void this.#pageFailed(),
    });
  }

  /** What the page is told of its host before it starts. */
  #host(): Bridge['host'] {
    const { shell, system, service } = this.#parts;
    const can: Capability[] = ['service', 'notifications', 'login-item', 'terminal', 'window'];
    if (this.#tray.isThere) can.push('tray');
    if (system.hasUpdates) can.push('updates');
    if (service.canForward()) can.push('forwarding');
    return {
      kind: 'electron',
      can,
      platform: system.platform,
      version: shell.app.version,
      ...(this.#tray.isThere && this.#trayHost !== undefined && { trayHost: this.#trayHost }),
    };
  }

  #makeNotifier(): Notifier {
    const { shell, system, settings, daemon } = this.#parts;
    return new Notifier({
      shell,
      clock: system.clock,
      log: system.log,
      text: () => this.#text,
      look: () => ({
        snapshot: daemon.desk.snapshot,
        gui: settings.settings,
        isWindowShown: this.#window.isVisible,
        isWindowFocused: this.#window.isFocused,
      }),
      act: (action) => void this.#actOnNotice(action),
      onAttention: (waits) => {
        this.#hasAttention = waits;
        this.#tray.update();
      },
    });
  }

  #makeTray(): TrayAdapter {
    const { shell, system, settings } = this.#parts;
    return new TrayAdapter({
      shell,
      clock: system.clock,
      platform: system.platform,
      model: () => this.#trayModel(),
      image: (model) =>
        trayImage(model, {
          folder: join(shell.app.folder, 'resources', 'tray'),
          platform: system.platform,
          style: settings.settings.trayIcon,
          isDark: shell.isBarDark(),
        }),
      act: (action) =>
        actOn(action, {
          call: this.#call(),
          show: (route) => this.#show(route),
          quit: () => shell.app.quit(),
          signInAddress: () => this.#parts.daemon.desk.snapshot.authUrl,
        }),
      clicked: () => this.#window.toggle(),
    });
  }

  #call(): ReturnType<typeof ownCaller> {
    return ownCaller(
      this.#dispatcher,
      () => this.#rights(),
      this.#parts.system.log,
      () => this.#window.show(),
    );
  }

  async #actOnNotice(action: NoticeAction): Promise<unknown> {
    const call = this.#call();
    switch (action.kind) {
      case 'open':
        return this.#show(action.route);
      case 'stop-exit-node':
        return await call('exitNode.set', { id: '', auto: false });
      case 'sign-in':
        this.#show('/');
        return await call('login.start', { force: true });
      case 'sign-in-page':
        return await call('open.url', { kind: 'auth' });
      default:
        return action satisfies never;
    }
  }

  #rights(): Rights {
    const { link } = this.#parts.daemon.desk.snapshot;
    return link.kind === 'ready' ? link.rights : 'readonly';
  }

  #closeMeans(): 'hide' | 'quit' {
    const { settings, system } = this.#parts;
    return closeMeans(settings.settings.onClose, this.#tray.isThere, system.platform);
  }

  #show(route: string | undefined): void {
    this.#window.show();
    if (route !== undefined) this.#page.go(route);
  }

  #followLink(link: string): void {
    this.#show(routeOf(link));
  }

  #changed(): void {
    this.#tray.update();
    this.#notifier.look();
  }

  #trayModel(): TrayModel {
    const { daemon, system, settings } = this.#parts;
    const { snapshot } = daemon.desk;
    return trayModel({
      state: deriveUi(snapshot, system.clock.now()),
      snapshot,
      gui: settings.settings,
      t: this.#text,
      hasAttention: this.#hasAttention,
    });
  }

  /** Nobody could bring back a window that is hidden when its tray goes. */
  #trayChanged(isThere: boolean): void {
    if (!isThere && !this.#isEnding && this.#window.isHidden && this.#closeMeans() === 'quit')
      this.#window.show();
  }

  #seen(): void {
    this.#parts.daemon.desk.setWatched(this.#window.isVisible);
    this.#notifier.look();
  }

  #settingsChanged(now: GuiSettings, before: GuiSettings): void {
    const { shell } = this.#parts;
    this.#text = textIn(now.language, shell.app.locale());
    shell.setTheme(now.theme);
    if (
      now.startAtLogin !== before.startAtLogin ||
      (now.startAtLogin && now.startHidden !== before.startHidden)
    )
      this.#setLoginItem(now);
    this.#page.emit('gui', now);
    this.#tray.settle();
    this.#tray.redraw();
    this.#tray.update();
    this.#notifier.look();
  }

  #setLoginItem({ startAtLogin, startHidden }: GuiSettings): void {
    const { loginItem, log } = this.#parts.system;
    try {
      loginItem.set(startAtLogin, startHidden ? ['--hidden'] : []);
    } catch (error) {
      log('warn', 'login-item.not-set', { error: toRhumbError(error).message });
    }
  }

  /** Desktops have a switch for it, too: what it says is what counts. */
  #settleLoginItem(): void {
    const { system, settings } = this.#parts;
    try {
      const startAtLogin = system.loginItem.isOn();
      if (startAtLogin !== settings.settings.startAtLogin) settings.learn({ startAtLogin });
    } catch (error) {
      system.log('warn', 'login-item.not-known', { error: toRhumbError(error).message });
    }
  }

  async #pageFailed(): Promise<void> {
    const { shell } = this.#parts;
    const answer = await shell.ask({
      message: this.#text('dialog.pageGone'),
      detail: this.#text('dialog.pageGoneBody'),
      buttons: [this.#text('dialog.restart'), this.#text('tray.quit')],
    });
    if (answer === 0) this.#relaunch();
    else shell.app.quit();
  }

  #relaunch(): void {
    const { shell, system } = this.#parts;
    shell.app.relaunch(system.argv.slice(1));
    shell.app.quit();
  }

  /** Takes the tray away and closes the stream; what hangs is left behind. */
  async #end(): Promise<void> {
    const { shell, settings, daemon, system } = this.#parts;
    this.#isEnding = true;
    this.#window.prepareToQuit();
    this.#cancelLateShow?.();
    this.#notifier.stop();
    this.#tray.close();
    this.#page.detach();
    const late = new AbortController();
    const closing = Promise.allSettled([settings.flush(), daemon.desk[Symbol.asyncDispose]()]);
    await Promise.race([closing, system.clock.sleep(END_MS, late.signal).catch(() => undefined)]);
    late.abort();
    shell.app.quit();
  }
}
