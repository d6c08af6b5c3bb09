/** The other end of a map stream in a test: keeps what is written, and stops taking more on demand. */
import { zstdDecompressSync } from 'node:zlib';
import { parseJson } from '#shared/wire/json.ts';
import { type MapResponse, mapResponse } from '#shared/wire/map.ts';
import type { FrameSink } from '../mapper/session.ts';

export class FakeSink implements FrameSink {
  readonly frames: Uint8Array[] = [];
  state: 'open' | 'ended' | 'destroyed' = 'open';
  #takes = true;
  #onDrain: () => void = () => undefined;
  #onClose: () => void = () => undefined;

  write(frame: Uint8Array): boolean {
    this.frames.push(frame);
    return this.#takes;
  }
  onDrain(fn: () => void): void {
    this.#onDrain = fn;
  }
  onClose(fn: () => void): void {
    this.#onClose = fn;
  }
  end(): void {
    this.state = 'ended';
    this.#onClose();
  }
  destroy(): void {
    this.state = 'destroyed';
    this.#onClose();
  }

  /** The client goes away. */
  hangUp(): void {
    this.#onClose();
  }
  /** From the next frame on the client reads no more. */
  stall(): void {
    this.#takes = false;
  }
  drain(): void {
    this.#takes = true;
    this.#onDrain();
  }

  /** What came since the last call, decoded. */
  take(): MapResponse[] {
    return this.frames.splice(0).map((frame) => {
      const json = zstdDecompressSync(frame.subarray(4)).toString();
      return mapResponse.parse(parseJson(json));
    });
  }
}
