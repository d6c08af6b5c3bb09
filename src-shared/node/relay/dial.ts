/** Dials a region: its nodes in order, TCP, then TLS with the trust that the relay map asks for (nat-traversal.md §1.2, §1.12). */
import net, { type Socket } from 'node:net';
import type { Clock } from '../../async/clock.ts';
import { RhumbError } from '../../errors.ts';
import type { DerpNode, DerpRegion } from '../../wire/map.ts';
import { netErrorText } from '../net-error.ts';
import { type Connect, portOf, raceTcp } from './tcp-race.ts';
import { type Secured, TlsDialer } from './tls.ts';

export interface RelayDialOptions {
  readonly clock: Clock;
  /** Where sockets come from; one that marks or binds them keeps relay traffic out of the tunnel. */
  readonly connect?: Connect | undefined;
  /** Authorities to trust besides the system's and Node's, as PEM. */
  readonly extraCa?: readonly string[] | undefined;
}

export interface RelayDialRequest {
  readonly region: DerpRegion;
  /** Only these, in order; the caller leaves out those that have STUN alone. */
  readonly nodes: readonly DerpNode[];
  /** The last network check says that IPv6 works: IPv4 then starts a little later (nat-traversal.md §1.12). */
  readonly prefersIpv6: boolean;
}

/** A connection on which nothing was said yet. */
export interface RelaySocket extends Secured {
  readonly node: DerpNode;
  /** Both ends of the TCP connection: a TLS socket does not always tell them. */
  readonly localIp: string | undefined;
  readonly remoteIp: string | undefined;
}

/** Rejects with a RhumbError whose message names the node, or with the signal's reason. */
export type RelayDial = (request: RelayDialRequest, signal: AbortSignal) => Promise<RelaySocket>;

/** One dialler keeps the TLS sessions of all regions. */
export function relayDial(options: RelayDialOptions): RelayDial {
  const { clock, connect = tcpConnect } = options;
  const tls = new TlsDialer({ clock, extraCa: options.extraCa ?? [] });

  const dialNode = async (
    node: DerpNode,
    prefersIpv6: boolean,
    signal: AbortSignal,
  ): Promise<RelaySocket> => {
    const tcp = await raceTcp({ node, prefersIpv6, clock, connect }, signal);
    const { localAddress: localIp, remoteAddress: remoteIp } = tcp;
    const secured = await tls.handshake(tcp, node, portOf(node), signal);
    return { ...secured, node, localIp, remoteIp };
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
