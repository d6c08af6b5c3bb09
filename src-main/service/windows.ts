/** The service on Windows: sc.exe, and the system's own question for what needs an administrator. */
import { RhumbError } from '#shared/errors.ts';
import { isWindowsProgramFolder } from './bundle.ts';
import { lastLine } from './linux.ts';
import type { Argv, Ran, RunProgram, Service, ServiceState, Verb } from './types.ts';

const NAME = 'rhumbd';
const NO_SUCH_SERVICE = 1060;
const ACCESS_DENIED = 5;
const PASSWORD_MS = 110_000;

/** From the folder of the system, not from PATH or a variable that another program may have set. */
const SYSTEM = 'C:\\Windows\\System32';
const SC = `${SYSTEM}\\sc.exe`;

export const scArgv = (verb: 'query' | 'start'): Argv => [SC, verb, NAME];

/** Restart-Service stops, waits, and starts; PowerShell is told fixed words and asks the person through UAC. */
export const elevatedArgv = (verb: 'start' | 'restart'): Argv => [
  `${SYSTEM}\\WindowsPowerShell\\v1.0\\powershell.exe`,
  '-NoProfile',
  '-NonInteractive',
  '-WindowStyle',
  'Hidden',
  '-Command',
  `$p = Start-Process -FilePath '${SYSTEM}\\WindowsPowerShell\\v1.0\\powershell.exe' -ArgumentList '-NoProfile -NonInteractive -Command ${
    verb === 'start' ? 'Start-Service' : 'Restart-Service'
  } ${NAME}' -Verb RunAs -WindowStyle Hidden -Wait -PassThru; exit $p.ExitCode`,
];

/** The GUI loads no native code: who owns the pipe is looked up by the installed program. */
export function verifyPipeArgv(programFolder: string, pipe: string): Argv {
  if (!isWindowsProgramFolder(programFolder))
    throw new RhumbError('not-allowed', 'Rhumb is not in the folder where its installer puts it');
  return [`${programFolder}\\resources\\daemon\\rhumb.exe`, 'service', 'verify-pipe', pipe];
}

export function scState({ code, output }: Ran): ServiceState {
  if (code === NO_SUCH_SERVICE || code !== 0) return 'not-installed';
  return /^\s*STATE\s*:\s*[24]\b/m.test(output) ? 'running' : 'stopped';
}

export function windowsService(run: RunProgram): Service {
  return {
    state: async () => scState(await run(scArgv('query'), { timeoutMs: 5_000 })),
    // Its installer makes it start with the computer, and nothing keeps what it writes.
    look: async () => ({ isAtBoot: null, lines: null }),
    canForward: () => false,
    run: async (verb: Verb, signal, onLine) => {
      if (verb === 'install') throw new RhumbError('unavailable', 'run the installer of Rhumb again');
      if (verb === 'grant-operator')
        throw new RhumbError('unavailable', 'on Windows administrators may change the settings');
      if (verb === 'enable-forwarding') throw new RhumbError('unavailable', 'this is for Linux alone');
      if (verb === 'start') {
        const { code } = await run(scArgv('start'), { timeoutMs: 30_000, signal });
        if (code === 0) return;
        if (code !== ACCESS_DENIED)
          throw new RhumbError('internal', `the service did not start: error ${code}`);
      }
      const { code, output } = await run(elevatedArgv(verb), {
        timeoutMs: PASSWORD_MS,
        signal,
        ...(onLine !== undefined && { onLine }),
      });
      if (code !== 0)
        throw new RhumbError(
          'not-allowed',
          lastLine(output) || 'nothing was changed: the question was closed',
        );
    },
  };
}
