/** The daemon as the program sees it: followed by a desk, asked through the calls that every host answers alike. */
import { randomUUID } from 'node:crypto';
import { deskCalls } from '#shared/desk/calls/all.ts';
import type { CallParts } from '#shared/desk/calls/parts.ts';
import { Desk } from '#shared/desk/desk.ts';
import { toRhumbError } from '#shared/errors.ts';
import { localNetworks } from '#shared/node/local-networks.ts';
import { LocalApi } from '#shared/node/localapi-client.ts';
import { openSystemProbes } from '#shared/probing/probes.ts';
import type { Rights } from '#shared/ui-state/types.ts';
import type { Daemon } from '../app.ts';
import type { Service } from '../service/types.ts';
import type { SettingsFile } from '../settings/file.ts';
import type { System } from '../system.ts';
import { isCompatible } from './compatible.ts';
import { diagnose } from './diagnose.ts';

export interface DaemonOptions {
  readonly socketPath: string;
  readonly system: Pick<System, 'clock' | 'log' | 'platform'>;
  readonly service: Pick<Service, 'state'>;
  readonly settings: Pick<SettingsFile, 'settings' | 'edit'>;
  readonly version: string;
  /** For containers, where root outside is another user inside. */
  readonly ignoreOwner: boolean;
  /** Rejects with `not-allowed` when the socket may be another user's. */
  readonly checkOwner: () => Promise<void>;
  readonly host: Pick<CallParts, 'openUrl' | 'writeClipboard' | 'openSsh'>;
}

export function openDaemon(options: DaemonOptions): Daemon {
  const { socketPath, system, service, settings, version, ignoreOwner, checkOwner, host } = options;
  const { clock, log } = system;
  const api = new LocalApi({ socketPath, clock, dialRetryMs: 0 });
  if (ignoreOwner) log('warn', 'daemon.owner-not-checked', { socket: socketPath });
  const desk = new Desk({
    api,
    clock,
    log: log.child({ mod: 'desk' }),
    platform: system.platform,
    rights: (signal) => rightsBy(api, signal),
    diagnose: async (error) => diagnose(error, await service.state()),
    isCompatible: (daemonVersion) => isCompatible(version, daemonVersion),
    checkSocket: async () => {
      if (!ignoreOwner) await checkOwner();
    },
  });
  const handlers = deskCalls({
    ...host,
    desk,
    api,
    clock,
    log: log.child({ mod: 'calls' }),
    newId: randomUUID,
    gui: () => settings,
    openProbes: openSystemProbes(Math.random),
    localNetworks,
    pages: {},
    version,
  });
  return { desk, handlers };
}

/** The list of accounts is only for those who may change it: whoever gets it may. */
async function rightsBy(api: Pick<LocalApi, 'profiles'>, signal: AbortSignal): Promise<Rights> {
  try {
    await api.profiles(signal);
    return 'manage';
  } catch (error) {
    if (toRhumbError(error).code !== 'not-allowed') throw error;
    return 'readonly';
  }
}
