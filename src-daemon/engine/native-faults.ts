/** Why the native engine did not do as it was told, as an error to read (data-plane.md §4.1, §4.5). */
import { RhumbError } from '#shared/errors.ts';
import { systemFailure } from '../ffi/engine.ts';
import { deviceRefusal } from '../tun/refusal.ts';
import { indexInUse, noPeer, peerExists, socketExists, tooManySockets } from './op-checks.ts';
import { bindError } from './udp-sockets.ts';

/** Bytes that it writes about a refused batch: operation, fault, number. */
export const REFUSAL_BYTES = 12;

/** Faults of `native/src/plan.rs` that an operation of the right shape can have. */
const Fault = {
  NoPeer: 1,
  PeerExists: 2,
  IndexInUse: 4,
  SocketExists: 6,
  TooManySockets: 7,
} as const;

/** Whatever no user can have caused. */
export function failure(what: string, result: number): RhumbError {
  const system = systemFailure(result);
  return new RhumbError('internal', `${what}: the native engine says ${system?.code ?? result}`);
}

/** It was to open this device and this port. */
export function startFailure(
  result: number,
  { name, port }: { readonly name: string; readonly port: number },
): RhumbError {
  const system = systemFailure(result);
  if (system?.part === 'device') return deviceRefusal(name, system.code);
  if (system?.part === 'socket')
    return bindError(Object.assign(new Error(system.code), { code: system.code }), 4, port);
  return failure('start engine', result);
}

export function refusal(bytes: Uint8Array): RhumbError {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fault = view.getUint32(4, true);
  const number = view.getUint32(8, true);
  switch (fault) {
    case Fault.NoPeer:
      return noPeer(number);
    case Fault.PeerExists:
      return peerExists(number);
    case Fault.IndexInUse:
      return indexInUse(number);
    case Fault.SocketExists:
      return socketExists(number);
    case Fault.TooManySockets:
      return tooManySockets(number);
    default:
      return new RhumbError('bad-argument', `the native engine refuses ${number} (${fault})`);
  }
}
