/** The Noise IK handshake of the control channel, both sides, as calls without I/O (control-protocol.md §3.5). */
import { isZero } from '../bytes/bytes.ts';
import { RhumbError } from '../errors.ts';
import {
  decodeInitiation,
  decodeResponse,
  encodeInitiation,
  encodeResponse,
  prologue,
} from '../noise/messages.ts';
import { SymmetricState } from './noise-symmetric.ts';
import { dh, generatePrivate, importPrivate, type X25519Private } from './x25519.ts';

const NOTHING = new Uint8Array(0);

export interface SessionKeys {
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
  /** The final handshake hash: the same on both sides and unique to the session. */
  readonly binding: Uint8Array;
}

export interface InitiatorOptions {
  readonly machine: X25519Private;
  readonly controlPublic: Uint8Array;
  readonly version: number;
  /** Only tests choose it. */
  readonly ephemeral?: X25519Private;
}

/** A client's handshake under way. */
export interface Initiator {
  /** 101 bytes, never to be sent twice. */
  readonly message: Uint8Array;
  /** The session's keys, or undefined when the response is not the answer of that server to this initiation. Once. */
  finish(response: Uint8Array): SessionKeys | undefined;
}

export function initiate(options: InitiatorOptions): Initiator {
  const { machine, controlPublic, version } = options;
  if (isZero(controlPublic)) throw new RhumbError('protocol', 'the control server has no Noise key');
  const ephemeral = options.ephemeral ?? importPrivate(generatePrivate());
  const state = new SymmetricState(prologue(version));
  state.mixHash(controlPublic);
  state.mixHash(ephemeral.publicRaw);
  mixSecret(state, dh(ephemeral, controlPublic));
  const sealedStatic = state.sealAndHash(machine.publicRaw);
  mixSecret(state, dh(machine, controlPublic));
  const tag = state.sealAndHash(NOTHING);
  let used = false;
  return {
    message: encodeInitiation({ version, ephemeral: ephemeral.publicRaw, sealedStatic, tag }),
    finish: (response) => {
      const decoded = used ? undefined : decodeResponse(response);
      used = true;
      if (decoded === undefined) return undefined;
      state.mixHash(decoded.ephemeral);
      const ee = dh(ephemeral, decoded.ephemeral);
      const se = dh(machine, decoded.ephemeral);
      if (ee === undefined || se === undefined) return undefined;
      state.mixKey(ee);
      state.mixKey(se);
      if (state.openAndHash(decoded.tag) === undefined) return undefined;
      const [send, receive] = state.split();
      return { send, receive, binding: state.hash };
    },
  };
}

export interface Accepted {
  /** 51 bytes to send. */
  readonly message: Uint8Array;
  readonly keys: SessionKeys;
  /** The client's machine key: it authenticates every request on the connection. */
  readonly machinePublic: Uint8Array;
  readonly version: number;
}

/** A server's whole handshake; undefined when the initiation is malformed or made for another server key. */
export function respond(
  control: X25519Private,
  initiation: Uint8Array,
  ephemeral: X25519Private = importPrivate(generatePrivate()),
): Accepted | undefined {
  const hello = decodeInitiation(initiation);
  if (hello === undefined) return undefined;
  // The prologue is built from the received header, not from our own version.
  const state = new SymmetricState(prologue(hello.version));
  state.mixHash(control.publicRaw);
  state.mixHash(hello.ephemeral);
  const es = dh(control, hello.ephemeral);
  if (es === undefined) return undefined;
  state.mixKey(es);
  const machinePublic = state.openAndHash(hello.sealedStatic);
  const ss = machinePublic === undefined ? undefined : dh(control, machinePublic);
  if (machinePublic === undefined || ss === undefined) return undefined;
  state.mixKey(ss);
  if (state.openAndHash(hello.tag) === undefined) return undefined;
  const ee = dh(ephemeral, hello.ephemeral);
  const se = dh(ephemeral, machinePublic);
  if (ee === undefined || se === undefined) return undefined;
  state.mixHash(ephemeral.publicRaw);
  state.mixKey(ee);
  state.mixKey(se);
  const tag = state.sealAndHash(NOTHING);
  const [receive, send] = state.split();
  return {
    message: encodeResponse({ ephemeral: ephemeral.publicRaw, tag }),
    keys: { send, receive, binding: state.hash },
    machinePublic,
    version: hello.version,
  };
}

function mixSecret(state: SymmetricState, secret: Uint8Array | undefined): void {
  if (secret === undefined) throw new RhumbError('protocol', 'the control server has a useless Noise key');
  state.mixKey(secret);
}
