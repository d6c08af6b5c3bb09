/** Starts a program that lives on when we end. */
import { spawn } from 'node:child_process';
import type { Argv } from '../service/types.ts';

/** False when it could not be started. */
export function startProgram([program, ...args]: Argv): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { shell: false, detached: true, stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}
