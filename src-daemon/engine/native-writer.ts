/** Bytes for the native engine: a growing buffer that is used again for each batch (data-plane.md §4.1, little-endian). */
import type { SockAddr } from '#shared/ip/address.ts';
import { parseIp, parsePrefix } from '#shared/ip/address.ts';
import { interfaceIndex } from '../ffi/interface-index.ts';

const V4 = 4;
const V6 = 6;
const ADDRESS_BYTES = 28;
const PREFIX_BYTES = 18;
const FIRST_BYTES = 4_096;
/** A batch as long as that of a large network's whole table is not kept room for. */
const KEPT_BYTES = 256 * 1024;

export class NativeWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  #recordAt = 0;

  /** What was written since `clear`; valid until the next write. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Forgets what was written; keys may have been among it. */
  clear(): void {
    this.#bytes.fill(0, 0, this.#length);
    this.#length = 0;
    if (this.#bytes.length > KEPT_BYTES) this.#replace(new Uint8Array(FIRST_BYTES));
  }

  /** Begins an operation or a packet. */
  begin(number: number, flags = 0): this {
    this.#recordAt = this.#length;
    return this.u16(number).u16(flags).u32(0);
  }

  /** Ends it: its length is known now. */
  end(): void {
    this.#view.setUint32(this.#recordAt + 4, this.#length - this.#recordAt - 8, true);
  }

  u16(value: number): this {
    // First: it may put another view in place of the present one.
    const at = this.#reserve(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    // First: it may put another view in place of the present one.
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  /** A whole number of milliseconds. */
  u64(value: number): this {
    const at = this.#reserve(8);
    this.#view.setUint32(at, value % 2 ** 32, true);
    this.#view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
    return this;
  }

  bytes(value: Uint8Array | readonly number[]): this {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** Family, reserved, port, zone, two reserved words, address; all zero for none. */
  address(address: SockAddr | undefined): this {
    const at = this.#reserve(ADDRESS_BYTES);
    this.#bytes.fill(0, at, at + ADDRESS_BYTES);
    if (address === undefined) return this;
    const percent = address.ip.indexOf('%');
    const zone = percent < 0 ? undefined : address.ip.slice(percent + 1);
    const ip = parseIp(percent < 0 ? address.ip : address.ip.slice(0, percent));
    if (ip === undefined) return this;
    this.#bytes[at] = ip.length === 4 ? V4 : V6;
    this.#view.setUint16(at + 2, address.port, true);
    this.#view.setUint32(at + 4, zoneIndex(zone), true);
    this.#bytes.set(ip, at + 12);
    return this;
  }

  /** Family, length, 16 bytes of address. */
  prefix(text: string): this {
    const prefix = parsePrefix(text);
    const at = this.#reserve(PREFIX_BYTES);
    this.#bytes.fill(0, at, at + PREFIX_BYTES);
    if (prefix === undefined) return this;
    this.#bytes[at] = prefix.ip.length === 4 ? V4 : V6;
    this.#bytes[at + 1] = prefix.bits;
    this.#bytes.set(prefix.ip, at + 2);
    return this;
  }

  #reserve(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes.fill(0);
      this.#replace(larger);
    }
    return at;
  }

  #replace(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** A zone is an interface's number or name (RFC 4007 §11). */
function zoneIndex(zone: string | undefined): number {
  if (zone === undefined) return 0;
  if (/^\d{1,9}$/.test(zone)) return Number(zone);
  return interfaceIndex(zone) ?? 0;
}
