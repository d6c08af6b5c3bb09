/** Whether what would become the system's service lies where only administrators can change it (desktop.md §13 S20). */
import { dirname } from 'node:path';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import { type Looks, lookAt, mustBeRoots, mustLieInRootsFolders, onDisk } from '../security/owned.ts';

/** Administrators may put programs into /Applications, and may become root. */
const WHEEL = 0;
const ADMIN = 80;
const TRUSTED = [WHEEL, ADMIN];

/** Of a bundle that was dragged from its image the owner is who dragged it: it must not become root's. */
export async function checkMacProgram(program: string, looks: Looks = onDisk): Promise<void> {
  try {
    await mustLieInRootsFolders(dirname(program), looks, TRUSTED);
    mustBeRoots(program, await lookAt(program, looks));
  } catch (error) {
    throw new RhumbError('not-allowed', `install Rhumb with its package: ${toRhumbError(error).message}`, {
      cause: error,
    });
  }
}

const WINDOWS_PROGRAMS = 'c:\\program files\\';

/** Where Windows lets only administrators write; what was unpacked elsewhere has no helper of ours that could be trusted. */
export const isWindowsProgramFolder = (folder: string): boolean =>
  folder.toLowerCase().startsWith(WINDOWS_PROGRAMS) && !folder.includes('..');
