/** Joins the page with the daemon: where its files are, who visits it from the network, and when the network may. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Watch } from '#shared/localapi/notify.ts';
import { openSystemProbes } from '#shared/probing/probes.ts';
import type { Backend } from './backend/backend.ts';
import { nodeIps } from './backend/node-ips.ts';
import type { System } from './daemon.ts';
import { isOutsider, peerRights } from './webui/peer-rights.ts';
import { systemOwnerOf } from './webui/socket-owner.ts';
import { type PeerWorld, WebUi } from './webui/web-ui.ts';

/** In a checkout it is built into `dist`; packages put it where such files go, or beside the program. */
function pageFolder(): string {
  const program = dirname(process.execPath);
  const places = [
    join(import.meta.dirname ?? program, '..', 'dist', 'app'),
    '/usr/share/rhumb/web',
    join(program, 'web'),
  ];
  return places.find((place) => existsSync(join(place, 'index.html'))) ?? join(program, 'web');
}

export function openWebUi(backend: Backend, socketPath: string, { clock, log, random }: System): WebUi {
  return new WebUi({
    clock,
    log: log.child({ mod: 'webui' }),
    socketPath,
    folder: pageFolder(),
    openProbes: openSystemProbes(random),
    peers: peerWorld(backend),
    ownerOf: systemOwnerOf,
  });
}

const peerWorld = (backend: Backend): PeerWorld => ({
  who: (ip) => {
    const { map } = backend;
    const found = map === undefined ? undefined : backend.whoIs(ip);
    if (map === undefined || found === undefined || !backend.prefs().RunWebClient) return undefined;
    // The tunnel, too, must know the address as that peer's.
    if (backend.peerCaller(ip) === undefined) return undefined;
    const { Node: node } = found;
    return {
      name: `node ${node.StableID}`,
      rights: peerRights(found, map.self),
      isOutsider: isOutsider(node),
    };
  },
  names: () => {
    const name = (backend.map?.self.Name ?? '').replace(/\.$/, '').toLowerCase();
    return name === '' ? [] : [name, name.split('.', 1)[0] ?? name];
  },
});

/** Offers the page to the network as long as that is wanted and there is one. */
export async function offerWebUi(webUi: WebUi, backend: Backend, signal: AbortSignal): Promise<void> {
  const watcher = backend.watch(
    Watch.InitialState | Watch.InitialPrefs | Watch.NoNetMap | Watch.NoPrivateKeys,
    { uid: 0 },
  );
  let operator = backend.prefs().OperatorUser;
  try {
    while ((await watcher.next(signal)) !== undefined) {
      const { OperatorUser } = backend.prefs();
      if (OperatorUser !== operator) webUi.operatorChanged();
      operator = OperatorUser;
      await webUi.offer(wantedAddresses(backend));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function wantedAddresses(backend: Backend): readonly string[] {
  const isOffered = backend.state === 'Running' && backend.prefs().RunWebClient;
  return isOffered && backend.map !== undefined ? nodeIps(backend.map.self) : [];
}
