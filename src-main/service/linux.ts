/** The service on Linux: systemd, asked directly for what it is and through polkit's helper for what shall change. */
import { RhumbError } from '#shared/errors.ts';
import { lastLines } from './lines.ts';
import type { Argv, Ran, RunProgram, Service, ServiceState, Verb } from './types.ts';

const UNIT = 'rhumbd.service';
/** Root's own, and the only program that our polkit actions name. */
export const HELPER = '/usr/lib/rhumb/rhumb-helper';
const PKEXEC = '/usr/bin/pkexec';
/** From polkit: the dialog was closed; nobody was there to ask, or the answer was no. */
const DISMISSED = 126;
const NOT_AUTHORISED = 127;
const PASSWORD_MS = 110_000;

export const showUnit: Argv = [
  '/usr/bin/systemctl',
  'show',
  UNIT,
  '--property=LoadState',
  '--property=ActiveState',
];

export const bootQuestion: Argv = ['/usr/bin/systemctl', 'is-enabled', UNIT];

const LINES = 20;
/** As the person: the system shows everybody what he may see. */
export const journalTail: Argv = [
  '/usr/bin/journalctl',
  `--unit=${UNIT}`,
  `--lines=${LINES}`,
  '--output=short-iso',
  '--no-hostname',
  '--no-pager',
  '--quiet',
];

/** Of a unit that is masked, linked or not there nothing can be chosen. */
export const atBoot = ({ output }: Pick<Ran, 'output'>): boolean | null =>
  ({ enabled: true, disabled: false })[output.trim()] ?? null;

/** Who may read none is told so; null = this system keeps none. */
export const linesOf = ({ code, output }: Ran): readonly string[] | null =>
  code === -1 ? null : code === 0 ? lastLines(output, LINES) : [];

/** The helper takes the verb and nothing else: whom it is for it learns from polkit. */
export const helperArgv = (verb: Verb): Argv => [PKEXEC, HELPER, verb];

export function stateOf({ code, output }: Ran): ServiceState {
  if (code !== 0 || !/^LoadState=(?:loaded|masked)$/m.test(output)) return 'not-installed';
  return /^ActiveState=(?:active|activating|reloading)$/m.test(output) ? 'running' : 'stopped';
}

export function linuxService(run: RunProgram, isFile: (path: string) => boolean): Service {
  return {
    state: async () => stateOf(await run(showUnit, { timeoutMs: 5_000 })),
    look: async () => {
      const [boot, journal] = await Promise.all([
        run(bootQuestion, { timeoutMs: 5_000 }),
        run(journalTail, { timeoutMs: 5_000 }),
      ]);
      return { isAtBoot: atBoot(boot), lines: linesOf(journal) };
    },
    canForward: () => isFile(HELPER),
    run: async (verb, signal, onLine) => {
      // Without the package there is nothing of root's that could be run, and nothing else may be run as root.
      if (!isFile(HELPER))
        throw new RhumbError('unavailable', 'install the package rhumb-daemon with your package manager');
      const { code, output } = await run(helperArgv(verb), {
        timeoutMs: PASSWORD_MS,
        signal,
        ...(onLine !== undefined && { onLine }),
      });
      if (code === DISMISSED)
        throw new RhumbError('not-allowed', 'nothing was changed: the question was closed');
      if (code === NOT_AUTHORISED)
        throw new RhumbError('not-allowed', 'nothing was changed: an administrator has to allow it');
      if (code !== 0) throw new RhumbError('internal', lastLine(output) || `the helper ended with ${code}`);
    },
  };
}

export const lastLine = (output: string): string =>
  output.trim().split('\n').at(-1)?.trim().slice(0, 500) ?? '';
