/** One run of the lab: its id, its folder, who owns it, and the sweep that removes what dead runs left behind. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RhumbError } from '#shared/errors.ts';

/** In the environment of every process that a run starts, grandchildren included. */
export const RUN_VARIABLE = 'RHUMB_LAB_RUN';

export interface Run {
  /** Six letters and digits. */
  readonly id: string;
  /** Logs, sockets, state and captures of this run; removed at its end. */
  readonly folder: string;
  /** What the names of namespaces and interfaces begin with. */
  readonly prefix: string;
}

const isRoot = process.getuid?.() === 0;
/** Where runs have their folders, by id. Not below /run, which hosts have to themselves. Short, because the paths of unix sockets below it may have at most 107 bytes. */
export const RUNS = isRoot ? '/var/lib/rhumb-lab' : join(tmpdir(), `rhumb-lab-${process.getuid?.() ?? 0}`);
const ID = /^[a-z0-9]{6}$/;
const NAMED = /^rl([a-z0-9]{6})/;
/** A killed process leaves the list of processes within a few of these. */
const KILL_ROUNDS = 40;

/** Creates the folder with its owner already in it, so that another run's sweep never sees it without. */
export function openRun(): Run {
  const id = Array.from(randomBytes(6), (byte) => (byte % 36).toString(36)).join('');
  const folder = join(RUNS, id);
  mkdirSync(RUNS, { recursive: true, mode: 0o755 });
  const fresh = join(RUNS, `.${id}`);
  mkdirSync(fresh, { mode: 0o755 });
  writeFileSync(join(fresh, 'owner'), ownerText(process.pid) ?? `${process.pid}`);
  renameSync(fresh, folder);
  return { id, folder, prefix: `rl${id}` };
}

/** Ends a run: its processes, namespaces, interfaces and folder. Safe to repeat; throws when something stays. */
export function endRun(id: string): void {
  killProcesses(id);
  for (const name of namespaces()) if (name.startsWith(`rl${id}-`)) ignoreGone(['netns', 'delete', name]);
  for (const name of links()) if (name.startsWith(`rl${id}`)) ignoreGone(['link', 'delete', name]);
  rmSync(join(RUNS, id), { recursive: true, force: true });
  try {
    rmdirSync(RUNS);
  } catch {
    // Another run is there.
  }
}

/** What is still there of a run, by name; nothing after `endRun`. */
export function leftOf(id: string): string[] {
  return [
    ...namespaces().filter((name) => name.startsWith(`rl${id}-`)),
    ...links().filter((name) => name.startsWith(`rl${id}`)),
    ...foldersOf(RUNS).filter((name) => name.includes(id)),
    ...processesWith(`${RUN_VARIABLE}=${id}`).map((pid) => `process ${pid}`),
  ];
}

/** Ends every run whose owner is dead and returns their ids; living runs are left alone. */
export function sweep(): string[] {
  const found = new Set<string>();
  for (const name of foldersOf(RUNS)) found.add(name.replace(/^\./, ''));
  for (const name of [...namespaces(), ...links()]) {
    const id = NAMED.exec(name)?.[1];
    if (id !== undefined) found.add(id);
  }
  const stale = [...found].filter((id) => ID.test(id) && !ownerLives(id));
  for (const id of stale) {
    endRun(id);
    rmSync(join(RUNS, `.${id}`), { recursive: true, force: true });
  }
  return stale;
}

/** A process is told from a later one with the same number by the moment it started, and by the boot. */
function ownerText(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Dead, and only not yet waited for by its parent.
    if (state === 'Z' || state === 'X') return undefined;
    return `${pid} ${fields[18]} ${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}`;
  } catch {
    return undefined;
  }
}

function ownerLives(id: string): boolean {
  for (const folder of [join(RUNS, id), join(RUNS, `.${id}`)]) {
    try {
      const text = readFileSync(join(folder, 'owner'), 'latin1');
      const pid = Number(text.split(' ')[0]);
      if (ownerText(pid) === text) return true;
      if (text === `${pid}`) return process.kill(pid, 0);
    } catch {
      // No such folder, or no such process.
    }
  }
  return false;
}

function killProcesses(id: string): void {
  const marker = `${RUN_VARIABLE}=${id}`;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let round = 0; round < KILL_ROUNDS; round += 1) {
    const left = processesWith(marker);
    if (left.length === 0) return;
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    Atomics.wait(pause, 0, 0, 25);
  }
  throw new RhumbError('internal', `processes of lab run ${id} survive SIGKILL: ${processesWith(marker)}`);
}

function processesWith(marker: string): number[] {
  return foldersOf('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .filter((pid) => {
      try {
        // A zombie's environment reads as empty, so what only waits for its parent doesn't count.
        return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(marker);
      } catch {
        return false;
      }
    });
}

const foldersOf = (path: string): string[] => {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
};

const namespaces = (): string[] => (isRoot ? foldersOf('/run/netns') : []);
const links = (): string[] => (isRoot ? foldersOf('/sys/class/net') : []);

/** Two sweeps may meet on the same remains: what is gone when we come is as good as removed. */
function ignoreGone(args: readonly string[]): void {
  try {
    execFileSync('ip', args, { stdio: 'pipe' });
  } catch (error) {
    const text = String((error as { stderr?: unknown }).stderr ?? error);
    if (!/No such file|Cannot find device/.test(text)) {
      throw new RhumbError('internal', `ip ${args.join(' ')}: ${text.trim()}`, { cause: error });
    }
  }
}
