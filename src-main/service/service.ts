/** The service of this system. */
import type { Shell } from '../shell.ts';
import { darwinService } from './darwin.ts';
import { linuxService } from './linux.ts';
import type { RunProgram, Service } from './types.ts';
import { windowsService } from './windows.ts';

export interface ServiceParts {
  readonly run: RunProgram;
  readonly app: Pick<Shell['app'], 'daemonItem' | 'setDaemonItem'>;
  readonly isFile: (path: string) => boolean;
}

export function serviceOf(platform: string, { run, app, isFile }: ServiceParts): Service {
  if (platform === 'darwin') return darwinService(run, app, isFile);
  return platform === 'win32' ? windowsService(run) : linuxService(run, isFile);
}
