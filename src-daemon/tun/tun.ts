/** A TUN device as the engine uses it, whatever stands behind it. */

export interface Tun {
  /** As the OS gave it. */
  readonly name: string;
  /**
   * Begins handing over packets from the host; each view is valid only during the call. `gone` is called once when the
   * device can't be read any more.
   */
  start(receive: (packet: Uint8Array) => void, gone: (detail: string) => void): void;
  /** Gives one packet to the host; undefined when it went, else the name of the error. */
  write(packet: Uint8Array): string | undefined;
  /** Removes the device. */
  close(): void;
}
