/** The service on macOS: launchd; registered through the bundle (SMAppService), or installed by the package. */
import { RhumbError } from '#shared/errors.ts';
import type { Shell } from '../shell.ts';
import { checkMacProgram } from './bundle.ts';
import { lastLine, linesOf } from './linux.ts';
import type { Argv, Ran, RunProgram, Service, ServiceState, Verb } from './types.ts';

const LABEL = 'io.rhumb.rhumbd';
export const PLIST = `${LABEL}.plist`;
const INSTALLED_PLIST = `/Library/LaunchDaemons/${PLIST}`;
/** Fixed: the words of a script have no place for a path that somebody chose. */
const FOLDER = '/Applications/Rhumb.app/Contents/Resources/daemon';
/** Where launchd puts what it writes. */
export const logTail: Argv = ['/usr/bin/tail', '-n', '20', '/Library/Logs/rhumbd.log'];
const PASSWORD_MS = 110_000;

export const printJob: Argv = ['/bin/launchctl', 'print', `system/${LABEL}`];

/** The words between the quotes are ours alone; nothing of a page or a peer is ever put into them. */
const SCRIPTS: Readonly<Record<'start' | 'restart' | 'grant-operator', string>> = {
  start: `do shell script "/bin/launchctl kickstart system/${LABEL}" with administrator privileges`,
  restart: `do shell script "/bin/launchctl kickstart -k system/${LABEL}" with administrator privileges`,
  // The bundle's own program: others may write to /usr/local.
  'grant-operator': `do shell script "${FOLDER}/rhumb set --operator=" & quoted form of (short user name of (system info)) with administrator privileges`,
};

export const adminArgv = (verb: keyof typeof SCRIPTS): Argv => ['/usr/bin/osascript', '-e', SCRIPTS[verb]];

export function jobState({ code, output }: Ran): ServiceState {
  if (code !== 0) return 'not-installed';
  return /^\s*state = running$/m.test(output) ? 'running' : 'stopped';
}

export function darwinService(
  run: RunProgram,
  app: Pick<Shell['app'], 'daemonItem' | 'setDaemonItem'>,
  isFile: (path: string) => boolean,
  check: (program: string) => Promise<void> = checkMacProgram,
): Service {
  const register = async ({ isAnew } = { isAnew: false }): Promise<void> => {
    await check(`${FOLDER}/rhumbd`);
    if (isAnew) app.setDaemonItem(PLIST, false);
    app.setDaemonItem(PLIST, true);
    const status = app.daemonItem(PLIST);
    if (status === 'requires-approval')
      throw new RhumbError('not-allowed', 'allow Rhumb in System Settings, under Login Items');
    if (status !== 'enabled')
      throw new RhumbError('unavailable', `macOS did not take the service: ${status}`);
  };
  return {
    state: async () => jobState(await run(printJob, { timeoutMs: 5_000 })),
    // It always starts with the computer: System Settings has the switch.
    look: async () => ({ isAtBoot: null, lines: linesOf(await run(logTail, { timeoutMs: 5_000 })) }),
    canForward: () => false,
    run: async (verb: Verb, signal, onLine) => {
      if (verb === 'enable-forwarding') throw new RhumbError('unavailable', 'this is for Linux alone');
      if (verb === 'install') return await register();
      if (verb !== 'grant-operator' && !isFile(INSTALLED_PLIST)) {
        return await register({ isAnew: verb === 'restart' });
      }
      if (verb === 'grant-operator') await check(`${FOLDER}/rhumb`);
      const { code, output } = await run(adminArgv(verb), {
        timeoutMs: PASSWORD_MS,
        signal,
        ...(onLine !== undefined && { onLine }),
      });
      if (/-128\)?\s*$/.test(output.trim()))
        throw new RhumbError('not-allowed', 'nothing was changed: the question was closed');
      if (code !== 0) throw new RhumbError('internal', lastLine(output) || `osascript ended with ${code}`);
    },
  };
}
