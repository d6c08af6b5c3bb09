/** Dials a region: its nodes in order, TCP, then TLS with the trust that the relay map asks for (nat-traversal.md §1.2, §1.12). */
import net, { type Socket } from 'node:net';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { netErrorText } from '#shared/node/net-error.ts';
import { socketStream } from './socket-stream.ts';
import { type Connect, portOf, raceTcp } from './tcp-race.ts';
import { TlsDialer } from './tls.ts';
import type { DerpNode, Dial, Dialed } from './types.ts';

export interface SystemDialOptions {
  readonly clock: Clock;
  /** Where sockets come from; one that marks or binds them keeps relay traffic out of the tunnel. */
  readonly connect?: Connect | undefined;
  /** Authorities to trust besides the system's and Node's, as PEM. */
  readonly extraCa?: readonly string[] | undefined;
}

/** One dialler keeps the TLS sessions of all regions. */
export function systemDial(options: SystemDialOptions): Dial {
  const { clock, connect = tcpConnect } = options;
  const tls = new TlsDialer({ clock, extraCa: options.extraCa ?? [] });

  const dialNode = async (node: DerpNode, prefersIpv6: boolean, signal: AbortSignal): Promise<Dialed> => {
    const tcp = await raceTcp({ node, prefersIpv6, clock, connect }, signal);
    const localIp = tcp.localAddress;
    const secured = await tls.handshake(tcp, node, portOf(node), signal);
    return { stream: socketStream({ ...secured, localIp }), node };
  };

  return async ({ region, nodes, prefersIpv6 }, signal) => {
    let first: RhumbError | undefined;
    for (const node of nodes) {
      try {
        return await dialNode(node, prefersIpv6, signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        // The next node may do; when none does, the first failure is the one to tell.
        first ??= new RhumbError('unavailable', `dial relay ${node.Name}: ${netErrorText(error)}`, {
          cause: error,
        });
      }
    }
    throw first ?? new RhumbError('unavailable', `region ${region.RegionID} has no relay in the relay map`);
  };
}

const tcpConnect: Connect = ({ host, port, family }, signal) =>
  new Promise<Socket>((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    // Nagle would hold back small frames for a round trip (§9.2.12).
    const socket = net.connect({ host, port, family, noDelay: true, autoSelectFamily: false });
    const abort = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    // Stays: an error that comes before anybody else listens must not end the process.
    socket.on('error', reject);
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort);
      resolve(socket);
    });
    socket.once('close', () => signal.removeEventListener('abort', abort));
  });
