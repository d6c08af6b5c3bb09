/** A TUN device made of two callbacks, for tests and simulations. */
import { TUN_TAILROOM, type Tun, type TunHandler } from './tun.ts';

/** The outer end: the engine sets `send`, the owner gets `receive`. */
export interface MemoryTunEnd {
  receive(packet: Uint8Array): void;
  send: ((packet: Uint8Array) => void) | undefined;
}

const MAX_PACKET = 65_535;

export function openMemoryTun(end: MemoryTunEnd): Tun {
  const buffer = new Uint8Array(MAX_PACKET + TUN_TAILROOM);
  return {
    name: 'memory',
    start(handler: TunHandler): void {
      end.send = (packet) => {
        if (packet.length > MAX_PACKET) return;
        buffer.set(packet);
        handler.batch();
        handler.packet(buffer, packet.length);
      };
    },
    write(packet, length) {
      end.receive(new Uint8Array(packet.subarray(0, length)));
      return undefined;
    },
    close(): void {
      end.send = undefined;
    },
  };
}
