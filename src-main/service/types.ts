/** What the program can have done to the daemon's service, the same on each system. */

export type ServiceState = 'not-installed' | 'stopped' | 'running';
export type Verb = 'install' | 'start' | 'restart' | 'grant-operator' | 'enable-forwarding';

/** A program by its absolute path, and its arguments; never a line for a shell. */
export type Argv = readonly [program: string, ...args: string[]];

export interface Ran {
  /** -1 when it was ended by a signal or could not be started. */
  readonly code: number;
  readonly output: string;
}

export type RunProgram = (
  argv: Argv,
  options: {
    readonly timeoutMs: number;
    readonly signal?: AbortSignal;
    /** Told of each line as it is written, up to a bound. */
    readonly onLine?: (line: string) => void;
  },
) => Promise<Ran>;

interface ServiceLook {
  /** It starts with the computer; null = nobody says, or it can't be chosen. */
  readonly isAtBoot: boolean | null;
  /** What it wrote last, oldest first; [] = none that this person may read; null = none are kept. */
  readonly lines: readonly string[] | null;
}

export interface Service {
  readonly state: () => Promise<ServiceState>;
  /** What helps somebody whose service does not run; asks for no password. */
  readonly look: () => Promise<ServiceLook>;
  /** Whether forwarding can be switched on here. */
  readonly canForward: () => boolean;
  /** Rejects with `cancelled` words when the person closed the password dialog. */
  readonly run: (verb: Verb, signal: AbortSignal, onLine?: (line: string) => void) => Promise<void>;
}
