/**
 * TCP to a service address, done by the kernel of this host: the addresses of its own packets are rewritten so that a listener
 * on one of our addresses sees connections from the service address, and the program connections to it.
 *
 *   program a:s → service:53   becomes   service:s → own:P      (P is where the listener is)
 *   own:P → service:s          becomes   service:53 → a:s
 */
import { equal } from '#shared/bytes/bytes.ts';
import type { IpBytes } from '#shared/ip/address.ts';
import { adjusted, sum16 } from './checksum.ts';
import { destinationOf, get16, type IpPacket, type Ports, put16, sourceOf } from './packet.ts';

export interface Listener {
  readonly ip: IpBytes;
  readonly port: number;
}

interface Flow {
  readonly program: IpBytes;
  lastMs: number;
}

interface Target extends Listener {
  readonly servicePort: number;
  /** By the program's port. */
  readonly flows: Map<number, Flow>;
}

/** A port whose connection has said nothing for so long may be another program's by now. */
const IDLE_MS = 300_000;
/** From here on idle flows are looked for. */
const MANY_FLOWS = 1_024;
const CHECKSUM_AT = 16;

export class Reflection {
  /** By service port and size of the address. */
  readonly #targets = new Map<string, Target>();

  /** Connections to a listener that is replaced by another one break. */
  set(servicePort: number, listener: Listener): void {
    const key = keyOf(servicePort, listener.ip.length);
    const before = this.#targets.get(key);
    if (before?.port === listener.port && equal(before.ip, listener.ip)) return;
    this.#targets.set(key, { ...listener, servicePort, flows: new Map() });
  }

  clear(): void {
    this.#targets.clear();
  }

  /** The rewritten packet, a new one; undefined when no listener has to do with it. `nowMs` is monotonic. */
  turn(packet: IpPacket, ports: Ports, nowMs: number): Uint8Array | undefined {
    return this.#fromListener(packet, ports, nowMs) ?? this.#toListener(packet, ports, nowMs);
  }

  #fromListener(packet: IpPacket, ports: Ports, nowMs: number): Uint8Array | undefined {
    for (const { ip, port, servicePort, flows } of this.#targets.values()) {
      if (port !== ports.source || !equal(ip, sourceOf(packet))) continue;
      const flow = flows.get(ports.destination);
      if (flow === undefined) return undefined;
      flow.lastMs = nowMs;
      return rewritten(packet, flow.program, servicePort, ports.destination);
    }
    return undefined;
  }

  #toListener(packet: IpPacket, ports: Ports, nowMs: number): Uint8Array | undefined {
    const target = this.#targets.get(keyOf(ports.destination, packet.addressSize));
    if (target === undefined) return undefined;
    const { flows } = target;
    const program = sourceOf(packet);
    const flow = flows.get(ports.source);
    if (flow !== undefined && equal(flow.program, program)) {
      flow.lastMs = nowMs;
    } else {
      // The listener tells connections apart by this port alone.
      if (flow !== undefined && nowMs - flow.lastMs < IDLE_MS) return undefined;
      if (flows.size >= MANY_FLOWS) forgetIdle(flows, nowMs);
      flows.set(ports.source, { program: program.slice(), lastMs: nowMs });
    }
    return rewritten(packet, target.ip, ports.source, target.port);
  }
}

const keyOf = (servicePort: number, size: number): string => `${servicePort} ${size}`;

function forgetIdle(flows: Map<number, Flow>, nowMs: number): void {
  for (const [port, { lastMs }] of flows) if (nowMs - lastMs >= IDLE_MS) flows.delete(port);
}

/** From the service address to `to`; checksums follow by what has changed. */
function rewritten(packet: IpPacket, to: IpBytes, sourcePort: number, destinationPort: number): Uint8Array {
  const { addressesAt, addressSize, at, end, version } = packet;
  const out = Uint8Array.prototype.slice.call(packet.bytes, 0, end);
  const addressesEnd = addressesAt + 2 * addressSize;
  const addressesBefore = sum16(out, addressesAt, addressesEnd);
  const before = sum16(out, at, at + 4, addressesBefore);
  out.set(destinationOf(packet), addressesAt);
  out.set(to, addressesAt + addressSize);
  put16(out, at, sourcePort);
  put16(out, at + 2, destinationPort);
  const addressesAfter = sum16(out, addressesAt, addressesEnd);
  const after = sum16(out, at, at + 4, addressesAfter);
  put16(out, at + CHECKSUM_AT, adjusted(get16(out, at + CHECKSUM_AT), before, after));
  if (version === 4) put16(out, 10, adjusted(get16(out, 10), addressesBefore, addressesAfter));
  return out;
}
