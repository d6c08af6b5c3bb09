/** Pings to peers on behalf of users, and the answers to TSMP pings of peers (localapi-and-daemon.md §2.8). */
import { randomBytes, randomInt } from 'node:crypto';
import type { Clock } from '#shared/async/clock.ts';
import { toHex } from '#shared/bytes/hex.ts';
import { canonicalIp, formatSockAddr } from '#shared/ip/address.ts';
import type { NodeKey } from '#shared/key/key.ts';
import { NO_PING, type PingKind, type PingResult } from '#shared/localapi/misc.ts';
import type { Node } from '#shared/wire/node.ts';
import type { NetworkMap } from '../control/types.ts';
import { isExpired } from './expiry.ts';
import {
  decodeInner,
  encodeEchoRequest,
  encodeTsmpPing,
  encodeTsmpPong,
  TSMP_DATA_BYTES,
} from './inner-packets.ts';
import { findByIp } from './lookup.ts';
import { nodeIps } from './node-ips.ts';
import { peerApiBase } from './peer-api-base.ts';
import { pingPeerApi } from './peer-api-ping.ts';
import type { DataPlane } from './plane.ts';

interface Pending {
  readonly sentMs: number;
  readonly from: string;
  readonly resolve: (latencyMs: number, peerApiPort: number) => void;
}

export interface PingTarget {
  readonly ip: string;
  readonly kind: PingKind;
  /** Of the datagram, for disco pings; 0 or absent is the least. */
  readonly size?: number | undefined;
}

export class Pinger {
  readonly #plane: Pick<DataPlane, 'send' | 'discoPing'>;
  readonly #clock: Clock;
  /** Own addresses, for answers. */
  readonly #ownIps: () => readonly string[];
  readonly #peerApiPort: (ip: string) => number;
  readonly #pending = new Map<string, Pending>();

  constructor(
    plane: Pick<DataPlane, 'send' | 'discoPing' | 'onInner'>,
    clock: Clock,
    ownIps: () => readonly string[],
    peerApiPort: (ip: string) => number,
  ) {
    this.#plane = plane;
    this.#clock = clock;
    this.#ownIps = ownIps;
    this.#peerApiPort = peerApiPort;
    plane.onInner((peer, packet) => this.#inner(peer, packet));
  }

  /** Waits until the answer comes or the signal fires: whoever asks knows how long to wait. */
  async ping(map: NetworkMap | undefined, target: PingTarget, signal: AbortSignal): Promise<PingResult> {
    const ip = canonicalIp(target.ip);
    const base: PingResult = { ...NO_PING, IP: ip ?? target.ip };
    const found = map === undefined || ip === undefined ? undefined : findByIp(map, ip);
    if (map === undefined || found === undefined || ip === undefined)
      return { ...base, Err: 'no matching peer' };
    if (found.kind === 'self') return { ...base, Err: `${ip} is local Tailscale IP`, IsLocalIP: true };
    const { node } = found;
    if (isExpired(node, this.#clock.now(), map.clockSkewMs))
      return { ...base, Err: `the key of ${baseName(node)} has expired: its owner must log in again` };
    const own = nodeIps(map.self).find((mine) => mine.includes(':') === ip.includes(':'));
    if (node.Key === undefined || own === undefined) return { ...base, Err: 'unknown peer' };
    const regionCode = (region: number): string =>
      map.derpMap?.Regions?.[String(region)]?.RegionCode ?? String(region);
    const peerApi = peerApiBase(map.self, node);
    const resolved = {
      own,
      ip,
      node,
      peerApi,
      key: node.Key,
      kind: target.kind,
      size: target.size ?? 0,
      regionCode,
    };
    return { ...base, ...(await this.#run(resolved, signal)) };
  }

  async #run(to: Resolved, signal: AbortSignal): Promise<Partial<PingResult>> {
    const named = { NodeIP: to.ip, NodeName: baseName(to.node) };
    switch (to.kind) {
      case 'disco': {
        const pong = await this.#plane.discoPing(to.key, signal, to.size);
        const took = { ...named, LatencySeconds: pong.latencyMs / 1_000 };
        if (pong.endpoint !== undefined) return { ...took, Endpoint: formatSockAddr(pong.endpoint) };
        return { ...took, DERPRegionID: pong.region, DERPRegionCode: to.regionCode(pong.region) };
      }
      case 'ICMP': {
        const [ident, sequence] = [randomInt(1, 65_536), randomInt(0, 65_536)];
        const packet = encodeEchoRequest({ from: to.own, to: to.ip, ident, sequence });
        const { latencyMs } = await this.#exchange(to, `icmp ${ident} ${sequence}`, packet, signal);
        return { ...named, LatencySeconds: latencyMs / 1_000 };
      }
      case 'TSMP': {
        const data = new Uint8Array(randomBytes(TSMP_DATA_BYTES));
        const packet = encodeTsmpPing(to.own, to.ip, data);
        const { latencyMs, peerApiPort } = await this.#exchange(to, `tsmp ${toHex(data)}`, packet, signal);
        return { ...named, LatencySeconds: latencyMs / 1_000, PeerAPIPort: peerApiPort };
      }
      case 'peerapi':
        return { ...named, ...(await pingPeerApi(to, this.#clock, signal)) };
      default:
        return to.kind satisfies never;
    }
  }

  #exchange(
    to: Resolved,
    id: string,
    packet: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ readonly latencyMs: number; readonly peerApiPort: number }> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        this.#pending.delete(id);
        reject(signal.reason);
      };
      signal.addEventListener('abort', aborted, { once: true });
      this.#pending.set(id, {
        sentMs: this.#clock.monotonic(),
        from: to.ip,
        resolve: (latencyMs, peerApiPort) => {
          signal.removeEventListener('abort', aborted);
          this.#pending.delete(id);
          resolve({ latencyMs, peerApiPort });
        },
      });
      this.#plane.send(to.key, packet);
    });
  }

  #inner(peer: NodeKey, packet: Uint8Array): void {
    const message = decodeInner(packet);
    if (message === undefined) return;
    switch (message.kind) {
      case 'tsmp-ping':
        // Only to an address of ours: a peer must not make us speak for another machine.
        if (this.#ownIps().includes(message.to))
          this.#plane.send(
            peer,
            encodeTsmpPong(message.to, message.from, message.data, this.#peerApiPort(message.to)),
          );
        return;
      case 'tsmp-pong':
        this.#answered(`tsmp ${toHex(message.data)}`, message.from, message.peerApiPort);
        return;
      // The data plane's own matter.
      case 'disco-key':
      case 'refused':
        return;
      case 'echo-reply':
        this.#answered(`icmp ${message.ident} ${message.sequence}`, message.from, 0);
        return;
      default:
        message satisfies never;
    }
  }

  #answered(id: string, from: string, peerApiPort: number): void {
    const pending = this.#pending.get(id);
    if (pending?.from === from) pending.resolve(this.#clock.monotonic() - pending.sentMs, peerApiPort);
  }
}

interface Resolved {
  readonly own: string;
  readonly ip: string;
  readonly node: Node;
  readonly key: NodeKey;
  readonly peerApi: string | undefined;
  readonly kind: PingKind;
  readonly size: number;
  regionCode(region: number): string;
}

/** The first label of the DNS name, else the host name. */
function baseName(node: Node): string {
  const label = node.Name.split('.', 1)[0];
  return label === undefined || label === '' ? (node.Hostinfo?.Hostname ?? '') : label;
}
