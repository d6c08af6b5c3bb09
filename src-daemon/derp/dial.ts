/** The dialler of the daemon's relay connections: a relay's TLS socket as the stream that the protocol runs on. */
import { type RelayDialOptions, relayDial } from '#shared/node/relay/dial.ts';
import { socketStream } from './socket-stream.ts';
import type { Dial } from './types.ts';

export type SystemDialOptions = RelayDialOptions;

export function systemDial(options: SystemDialOptions): Dial {
  const dial = relayDial(options);
  return async (request, signal) => {
    const relay = await dial(request, signal);
    return { stream: socketStream(relay), node: relay.node };
  };
}
