/** Whether the socket is the system's own daemon, before a word is said to it (desktop.md §11.3). */
import { dirname } from 'node:path';
import {
  type Looks,
  lookAt,
  mustBeRoots,
  mustLieInRootsFolders,
  onDisk,
  refused,
} from '../security/owned.ts';
import type { RunProgram } from '../service/types.ts';
import { verifyPipeArgv } from '../service/windows.ts';

/**
 * Throws `not-allowed`, with what was found, for a socket that another user may have put there. Connections are made long
 * after this: so it asks not who owns the socket now, but whether anybody else ever could.
 */
export async function checkSocketOwner(path: string, looks: Looks = onDisk): Promise<void> {
  const folder = dirname(path);
  const [socket, around] = await Promise.all([lookAt(path, looks), lookAt(folder, looks)]);
  if (socket.isSymbolicLink()) throw refused(`${path} is a link to somewhere else`);
  if (!socket.isSocket()) throw refused(`${path} is no socket`);
  if (socket.uid !== 0) throw refused(`${path} belongs to user ${socket.uid}, not to root`);
  if (around.isSymbolicLink()) throw refused(`${folder} is a link to somewhere else`);
  // Sticky or not: a daemon that restarts takes its socket away, and whoever is faster makes the next one.
  mustBeRoots(folder, around);
  await mustLieInRootsFolders(dirname(folder), looks);
}

const VERIFY_MS = 5_000;

/** How the daemon is known on this system; `programFolder` is where Windows' installer puts ours. */
export function ownerCheck(
  platform: string,
  { socketPath, run, programFolder }: { socketPath: string; run: RunProgram; programFolder: string },
): () => Promise<void> {
  if (platform !== 'win32') return () => checkSocketOwner(socketPath);
  return async () => {
    const { code, output } = await run(verifyPipeArgv(programFolder, socketPath), { timeoutMs: VERIFY_MS });
    if (code !== 0) throw refused(output.trim().slice(0, 500) || 'nobody could say whose the pipe is');
  };
}
