/** A TUN device as the engine sees it: one call per packet in each direction, buffers borrowed for the call. */
import type { RhumbError } from '#shared/errors.ts';

/** Bytes free behind every packet handed to `TunHandler.packet`, for padding in place. */
export const TUN_TAILROOM = 16;

export interface TunHandler {
  /** A batch begins: packets follow in this same turn. */
  batch(): void;
  /** One packet in the first `length` bytes; the buffer is the device's and has TUN_TAILROOM more bytes. */
  packet(buffer: Uint8Array, length: number): void;
  /** The device is gone; nothing follows. */
  gone(error: RhumbError): void;
}

export interface Tun {
  /** As the operating system named it. */
  readonly name: string;
  /** Begins reading; call once. */
  start(handler: TunHandler): void;
  /** Gives the first `length` bytes to the host as one packet; undefined when it went, else the name of the error. */
  write(packet: Uint8Array, length: number): string | undefined;
  /** Removes the device; idempotent. */
  close(): void;
}
