/** Opens the desktop program from this checkout, in the Electron of this machine, as the person at it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { bundleApp } from './app-bundle.ts';

const ROOT = join(import.meta.dirname, '../..');

export interface Person {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
  readonly home: string;
}

/** Who became root by sudo; a desktop, and the sandbox of its programs, are a person's and not root's. */
export function personBehind(env: NodeJS.ProcessEnv): Person | undefined {
  const uid = Number(env['SUDO_UID']);
  if (!Number.isInteger(uid) || uid <= 0) return undefined;
  const entry = execFileSync('getent', ['passwd', String(uid)], { encoding: 'utf8' })
    .trim()
    .split(':');
  const [name = '', , , gid = '', , home = ''] = entry;
  return { uid, gid: Number(gid), name, home };
}

export interface Opening {
  readonly argv: readonly [program: string, ...args: string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly ids: { readonly uid?: number; readonly gid?: number };
}

/** Root itself has no user namespaces for the sandbox, so it goes without: only in a checkout, never in a package. */
export function openingOf(
  electron: string,
  socket: string,
  { env, isRoot, person }: { env: NodeJS.ProcessEnv; isRoot: boolean; person: Person | undefined },
): Opening {
  const args = [ROOT, `--socket=${socket}`];
  if (!isRoot || person === undefined)
    return { argv: [electron, ...(isRoot ? ['--no-sandbox'] : []), ...args], env, ids: {} };
  const runtime = `/run/user/${person.uid}`;
  return {
    argv: [electron, ...args],
    env: {
      ...env,
      HOME: person.home,
      USER: person.name,
      LOGNAME: person.name,
      XDG_RUNTIME_DIR: runtime,
      DBUS_SESSION_BUS_ADDRESS: `unix:path=${runtime}/bus`,
    },
    ids: { uid: person.uid, gid: person.gid },
  };
}

export async function openApp({ argv: [program, ...args], env, ids }: Opening): Promise<ChildProcess> {
  await bundleApp(join(ROOT, 'dist'));
  return spawn(program, args, { cwd: ROOT, env, ...ids, stdio: 'ignore' });
}
