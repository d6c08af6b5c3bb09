/** `debug`: actions by name that shake the running daemon or show one thing of it (localapi-and-daemon.md §2.1). */
import { RhumbError } from '#shared/errors.ts';
import { notify } from '#shared/localapi/notify.ts';
import { readJson } from './body.ts';
import type { Call } from './call.ts';
import type { PlanePart } from './parts.ts';
import { sendJson, sendText } from './reply.ts';

type Action = (call: Call) => Promise<void> | void;

const onPlane =
  (act: (plane: PlanePart) => void): Action =>
  ({ plane, response }) => {
    if (plane === undefined) throw new RhumbError('bad-argument', 'this daemon has no data plane');
    act(plane);
    sendText(response, 'done');
  };

const done =
  (act: Action): Action =>
  async (call) => {
    await act(call);
    sendText(call.response, 'done');
  };

/** Own names only: the prototype's are no actions. */
const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['rebind', onPlane((plane) => plane.rebind())],
  ['restun', onPlane((plane) => plane.restun())],
  ['pick-new-derp', onPlane((plane) => plane.restun())],
  ['break-derp-conns', onPlane((plane) => plane.breakRelays())],
  ['break-tcp-conns', done(({ backend }) => backend.dropServerConnection())],
  ['force-netmap-update', done(({ backend }) => backend.announceMapAgain())],
  ['clear-netmap-cache', done(({ backend }) => backend.clearMapCache())],
  ['notify', done(notifyAll)],
  ['control-knobs', ({ response }) => sendJson(response, {})],
  ['peer-relay-servers', ({ response }) => sendJson(response, [])],
  ['peer-disco-keys', ({ backend, response }) => sendJson(response, discoKeys(backend))],
  ['statedir', ({ stateDir, response }) => sendJson(response, stateDir ?? '')],
  ['current-netmap', currentMap],
]);

export async function debugAction(call: Call): Promise<void> {
  const { request, query } = call;
  const name = request.headers['debug-action'] === 'notify' ? 'notify' : (query.get('action') ?? '');
  if (name === '') throw new RhumbError('bad-argument', "missing parameter 'action'");
  const action = ACTIONS.get(name);
  if (action === undefined)
    throw new RhumbError('bad-argument', `unknown action ${JSON.stringify(name.slice(0, 64))}`);
  await action(call);
}

async function notifyAll({ backend, request }: Call): Promise<void> {
  const parsed = notify.safeParse(await readJson(request));
  if (!parsed.success) throw new RhumbError('bad-argument', 'the body is no notification');
  const { NetMap: _netMap, ...message } = parsed.data;
  backend.bus.send(message);
}

function discoKeys({ map }: Call['backend']): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { Key, DiscoKey } of map?.peers.values() ?? [])
    if (Key !== undefined && DiscoKey !== undefined) found[Key] = DiscoKey;
  return found;
}

function currentMap({ backend, response }: Call): void {
  const shown = backend.mapJson();
  if (shown === undefined) throw new RhumbError('bad-argument', 'no netmap');
  sendJson(response, shown);
}
