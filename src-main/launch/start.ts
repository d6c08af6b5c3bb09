/** Starts a program that lives on when we end. */
import { spawn } from 'node:child_process';
import type { Argv } from '../service/types.ts';

/** What belongs to our own runtime, or to the image that we were unpacked from, and would mislead another program. */
const OURS = /^(?:ELECTRON_|NODE_|CHROME_|GOOGLE_API_|LD_|DYLD_|APPIMAGE$|APPDIR$|ARGV0$|OWD$|ORIGINAL_XDG_)/;

/** The person's own, for a program of the person's. */
export const personEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !OURS.test(name)));

/** False when it could not be started. */
export function startProgram([program, ...args]: Argv, env: NodeJS.ProcessEnv): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: personEnvironment(env),
      shell: false,
      detached: true,
      stdio: 'ignore',
    });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}
