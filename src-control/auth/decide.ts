/** Which way a register request goes: the decision order of control-protocol.md §10.1, without any effect. */
import type { MachineKey, NodeKey } from '#shared/key/key.ts';
import type { RegisterRequest } from '#shared/wire/register.ts';
import { isExpired, type Network } from '../state/network.ts';
import type { NodeRecord } from '../store/records.ts';

export type Decision =
  | { readonly kind: 'logout'; readonly node: NodeRecord }
  /** A machine logs out that is not (any more) known; there is nothing to do. */
  | { readonly kind: 'already-out' }
  /** A known machine, nothing to prove: a restart. `shortenTo` when it asks for an earlier end. */
  | { readonly kind: 'refresh'; readonly node: NodeRecord; readonly shortenTo: number | undefined }
  | { readonly kind: 'key-expired' }
  | { readonly kind: 'followup'; readonly pendingId: string }
  | { readonly kind: 'auth-key'; readonly text: string }
  | { readonly kind: 'interactive' }
  | { readonly kind: 'refuse'; readonly text: string };

const WRONG_MACHINE = 'this node key belongs to another machine: log out and sign in again to get a new one';

export function decide(
  network: Network,
  request: RegisterRequest & { readonly NodeKey: NodeKey },
  machine: MachineKey,
  nowMs: number,
  tailnet?: string,
): Decision {
  const node = network.nodeByKey(request.NodeKey)?.record;
  // A node key is bound to one machine key for ever; whoever else names it, by mistake or not, gets nowhere.
  if (node !== undefined && node.machineKey !== machine) return { kind: 'refuse', text: WRONG_MACHINE };
  if (request.Expiry !== undefined && request.Expiry <= nowMs)
    return node === undefined ? { kind: 'already-out' } : { kind: 'logout', node };
  const authKey = request.Auth?.AuthKey ?? '';
  if (node !== undefined && !isExpired(node, nowMs))
    // Also with an auth key that is used up by now: containers start with the same one again and again.
    return { kind: 'refresh', node, shortenTo: request.Expiry };
  const wanted = wantedTailnet(request.Tailnet);
  if (wanted !== undefined && tailnet !== undefined && wanted !== tailnet)
    return {
      kind: 'refuse',
      text: `this server's network is ${tailnet}, not ${wanted.slice(0, 64)}: use the server of that network`,
    };
  if (request.Followup !== undefined && request.Followup !== '')
    return { kind: 'followup', pendingId: lastElement(request.Followup) };
  if (authKey !== '') return { kind: 'auth-key', text: authKey };
  return node === undefined ? { kind: 'interactive' } : { kind: 'key-expired' };
}

/** A machine that names a network, or insists on it, must not end up in another. `-` stands for whichever there is. */
function wantedTailnet(hint: string | undefined): string | undefined {
  const name = (hint ?? '').replace(/^required:/, '').toLowerCase();
  return name === '' || name === '-' ? undefined : name;
}

/** The id in an AuthURL; the host is not looked at, as a client may reach us under several names. */
function lastElement(url: string): string {
  const path = url.split(/[?#]/, 1)[0] ?? '';
  return path.slice(path.lastIndexOf('/') + 1);
}
