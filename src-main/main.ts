/** Entry point of the desktop program: Electron, the machine, the daemon, joined. */
import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { toRhumbError } from '#shared/errors.ts';
import { DEFAULT_SOCKET } from '#shared/localapi/socket.ts';
import { systemClock } from '#shared/node/clock.ts';
import { openLog } from '#shared/node/log.ts';
import { App, prepare } from './app.ts';
import { electron as shell } from './electron.ts';
import type { Arrivals } from './launch/arrivals.ts';
import { ownOptions } from './launch/options.ts';
import { seldom } from './launch/seldom.ts';
import { startProgram } from './launch/start.ts';
import { terminalArgv } from './launch/terminal.ts';
import { openDaemon } from './link/daemon.ts';
import { ownerCheck } from './link/owner.ts';
import { rotatingFile } from './log-file.ts';
import { autostart, autostartPath, ownProgram } from './login/autostart.ts';
import { systemLoginItem } from './login/login-item.ts';
import { webAddress } from './security/urls.ts';
import { programRunner } from './service/run.ts';
import { serviceOf } from './service/service.ts';
import { settingsOnDisk } from './settings/disk.ts';
import { SettingsFile } from './settings/file.ts';
import type { System } from './system.ts';
import { hasTrayHost, trayHostName } from './tray/host.ts';
import { openElectronUpdater } from './update/electron-updater.ts';
import { updateSource } from './update/policy.ts';
import { updatesFrom } from './update/updates.ts';

/** Where releases are looked for, written in when the program is built: nobody else may send it elsewhere. '' = nowhere. */
declare const UPDATE_FEED: string;

const { app } = shell;
const { platform, argv, env } = process;
const clock = systemClock();
const log = openLog({
  level: 'info',
  program: 'rhumb-desktop',
  destination: rotatingFile(join(app.userData, 'logs', 'main.log')),
  limit: { nowMs: () => clock.monotonic() },
});
const run = programRunner(env);
const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;
const source = updateSource(platform, app.isPackaged, UPDATE_FEED);
const system: System = {
  clock,
  log,
  platform,
  argv,
  updates: updatesFrom(source, app.version, openElectronUpdater),
  hasUpdates: source.kind === 'feed',
  loginItem:
    platform === 'linux'
      ? autostart(autostartPath(env, homedir()), [
          ownProgram(env, process.execPath),
          ...(app.isPackaged ? [] : [app.folder]),
        ])
      : systemLoginItem(app),
  hasTrayHost: () => hasTrayHost(platform, run),
  trayHostName: () => trayHostName(platform, run),
};

const options = ownOptions(argv);
/** `--socket=…` names another daemon. */
const socketPath =
  options.find((arg) => arg.startsWith('--socket='))?.slice('--socket='.length) ?? DEFAULT_SOCKET;

async function main(arrivals: Arrivals): Promise<void> {
  await app.ready();
  const settings = await SettingsFile.open(settingsOnDisk(join(app.userData, 'settings.json')), log);
  const service = serviceOf(platform, { run, app, isFile });
  const daemon = openDaemon({
    socketPath,
    system,
    service,
    settings,
    version: app.version,
    checkOwner: ownerCheck(platform, { socketPath, run, programFolder: dirname(process.execPath) }),
    ignoreOwner: options.includes('--ignore-socket-owner'),
    host: {
      openUrl: seldom(clock, async (url: string) => {
        await shell.openExternal(webAddress(url));
        return true;
      }),
      writeClipboard: shell.writeClipboard,
      openSsh: seldom(clock, async (target: string) => {
        const command = terminalArgv(target, platform, isFile, env['LOCALAPPDATA']);
        return command !== undefined && (await startProgram(command, env));
      }),
    },
  });
  await new App({ shell, system, settings, service, daemon, arrivals }).start();
}

process.on('uncaughtException', (error) =>
  log('error', 'program.bug', { error: error.stack ?? error.message }),
);
process.on('unhandledRejection', (error) =>
  log('error', 'program.bug', { error: toRhumbError(error).message }),
);

const first = prepare(shell, system);
if (first === undefined) app.quit();
else
  main(first).catch((error: unknown) => {
    log('error', 'program.not-started', { error: toRhumbError(error).message });
    app.exit(1);
  });
