/** What the program can have done to the daemon's service, the same on each system. */

export type ServiceState = 'not-installed' | 'stopped' | 'running';
export type Verb = 'install' | 'start' | 'restart' | 'grant-operator';

/** A program by its absolute path, and its arguments; never a line for a shell. */
export type Argv = readonly [program: string, ...args: string[]];

export interface Ran {
  /** -1 when it was ended by a signal or could not be started. */
  readonly code: number;
  readonly output: string;
}

export type RunProgram = (
  argv: Argv,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
) => Promise<Ran>;

export interface Service {
  readonly state: () => Promise<ServiceState>;
  /** Rejects with `cancelled` words when the person closed the password dialog. */
  readonly run: (verb: Verb, signal: AbortSignal) => Promise<void>;
}
