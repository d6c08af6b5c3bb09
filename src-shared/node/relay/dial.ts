/** Dials a region: its nodes in order, TCP, then TLS with the trust that the relay map asks for (nat-traversal.md §1.2, §1.12). */
import { lookup } from 'node:dns/promises';
import net, { isIP, type Socket } from 'node:net';
import type { Clock } from '../../async/clock.ts';
import { RhumbError } from '../../errors.ts';
import type { DerpNode, DerpRegion } from '../../wire/map.ts';
import { netErrorText } from '../net-error.ts';
import { RelayNames, type Resolve } from './names.ts';
import { type Connect, portOf, raceTcp } from './tcp-race.ts';
import { type Secured, TlsDialer } from './tls.ts';

export interface RelayDialOptions {
  readonly clock: Clock;
  /** Where sockets come from; one that marks or binds them keeps relay traffic out of the tunnel. */
  readonly connect?: Connect | undefined;
  /** Addresses of a name; the default asks the system. */
  readonly resolve?: Resolve | undefined;
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

/** What a node may take for TLS when there are others: one that accepts and says nothing must not hide them. */
const TLS_SHARE_MS = 4_000;

/** One dialler keeps the TLS sessions and addresses of all relays. */
export function relayDial(options: RelayDialOptions): RelayDial {
  const { clock, connect = tcpConnect, resolve = bySystem } = options;
  const names = new RelayNames(clock, resolve);
  const tls = new TlsDialer({ clock, extraCa: options.extraCa ?? [] });

  const connectByName: Connect = async (target, signal) => {
    const host = isIP(target.host) === 0 ? await names.address(target.host, target.family) : target.host;
    signal.throwIfAborted();
    return connect({ ...target, host }, signal);
  };

  const dialNode = async (
    { node, prefersIpv6, isLast }: { node: DerpNode; prefersIpv6: boolean; isLast: boolean },
    signal: AbortSignal,
  ): Promise<RelaySocket> => {
    const tcp = await raceTcp({ node, prefersIpv6, clock, connect: connectByName }, signal);
    const { localAddress: localIp, remoteAddress: remoteIp } = tcp;
    const share = new AbortController();
    const cancelShare = isLast
      ? () => undefined
      : clock.after(TLS_SHARE_MS, () => share.abort(new RhumbError('timeout', 'timed out')));
    try {
      const inner = AbortSignal.any([signal, share.signal]);
      const secured = await tls.handshake(tcp, node, portOf(node), inner);
      return { ...secured, node, localIp, remoteIp };
    } finally {
      cancelShare();
    }
  };

  return async ({ region, nodes, prefersIpv6 }, signal) => {
    let first: RhumbError | undefined;
    for (const node of nodes) {
      try {
        return await dialNode({ node, prefersIpv6, isLast: node === nodes.at(-1) }, signal);
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

/** Cannot be cancelled; who asked just stops waiting. */
const bySystem: Resolve = async (host, family) =>
  (await lookup(host, { all: true, family })).map(({ address }) => address);

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
