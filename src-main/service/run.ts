/** Runs a program by its absolute path, with a cleaned environment and never through a shell (desktop.md §13 S12). */
import { execFile } from 'node:child_process';
import { isAbsolute, win32 } from 'node:path';
import { assert } from '#shared/errors.ts';
import { lineReaders } from './lines.ts';
import type { RunProgram } from './types.ts';

/** What a program needs to find its session and to speak the person's language; nothing that makes it load other code. */
const KEPT = [
  'DBUS_SESSION_BUS_ADDRESS',
  'DISPLAY',
  'HOME',
  'LANG',
  'LANGUAGE',
  'LC_ALL',
  'LC_MESSAGES',
  'LOGNAME',
  'SystemRoot',
  'TEMP',
  'TERM',
  'USER',
  'USERPROFILE',
  'WAYLAND_DISPLAY',
  'XAUTHORITY',
  'XDG_CURRENT_DESKTOP',
  'XDG_DATA_DIRS',
  'XDG_RUNTIME_DIR',
  'XDG_SESSION_TYPE',
];
const MAX_OUTPUT = 256 * 1024;

export function cleanEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = KEPT.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  return { ...Object.fromEntries(kept), PATH: '/usr/bin:/bin:/usr/sbin:/sbin' };
}

export const programRunner =
  (env: NodeJS.ProcessEnv): RunProgram =>
  ([program, ...args], { timeoutMs, signal, onLine }) => {
    assert(isAbsolute(program) || win32.isAbsolute(program), 'programs are named by their whole path');
    return new Promise((resolve) => {
      const child = execFile(
        program,
        args,
        {
          env: cleanEnvironment(env),
          shell: false,
          timeout: timeoutMs,
          maxBuffer: MAX_OUTPUT,
          windowsHide: true,
          ...(signal !== undefined && { signal }),
        },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
          resolve({ code, output: `${stdout}${stderr}` });
        },
      );
      if (onLine === undefined) return;
      const reader = lineReaders(onLine);
      for (const stream of [child.stdout, child.stderr]) {
        const { take, end } = reader();
        stream?.on('data', take).on('end', end);
      }
    });
  };
