/** Gives each machine its two addresses: the next free ones, in constant time for what is typical (control-protocol.md §7.1). */
import { RhumbError } from '#shared/errors.ts';
import {
  CGNAT,
  CHROMEOS,
  formatIp,
  type Prefix,
  parseIp,
  prefixContains,
  SERVICE_IP,
  SERVICE_IP6,
  TAILNET_ULA,
} from '#shared/ip/address.ts';
import { IdSet } from './id-set.ts';

/** One family: offsets 1 … last into a range; the cursor only moves forward and wraps, so a freed address rests a while. */
export class AddressPool {
  readonly #base: bigint;
  readonly #length: number;
  readonly #last: number;
  readonly #isReserved: (ip: Uint8Array) => boolean;
  readonly #used = new IdSet();
  #next = 1;

  /** `last` is the highest offset that may be given; the network address (offset 0) never is. */
  constructor(prefix: Prefix, last: number, isReserved: (ip: Uint8Array) => boolean) {
    this.#base = toInt(prefix.ip);
    this.#length = prefix.ip.length;
    this.#last = last;
    this.#isReserved = isReserved;
  }

  /** Marks an address that a machine has; one outside the range is left alone. */
  use(text: string): void {
    const offset = this.#offsetOf(text);
    if (offset === undefined) return;
    this.#used.add(offset);
    if (offset >= this.#next) this.#next = offset + 1;
  }

  free(text: string): void {
    const offset = this.#offsetOf(text);
    if (offset !== undefined) this.#used.delete(offset);
  }

  take(): string {
    const text = this.#search(this.#next, this.#last) ?? this.#search(1, this.#next - 1);
    if (text === undefined)
      throw new RhumbError(
        'unavailable',
        'every address of the network is in use: delete machines that are gone',
      );
    this.use(text);
    return text;
  }

  #search(from: number, to: number): string | undefined {
    for (let offset = this.#used.skipFull(from); offset <= to; offset = this.#used.skipFull(offset + 1)) {
      const ip = fromInt(this.#base + BigInt(offset), this.#length);
      if (!this.#used.has(offset) && !this.#isReserved(ip)) return formatIp(ip);
    }
    return undefined;
  }

  #offsetOf(text: string): number | undefined {
    const ip = parseIp(text);
    if (ip === undefined || ip.length !== this.#length) return undefined;
    const offset = toInt(ip) - this.#base;
    return offset < 0n || offset > BigInt(this.#last) ? undefined : Number(offset);
  }
}

const toInt = (ip: Uint8Array): bigint => ip.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

function fromInt(value: bigint, length: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let i = length - 1, rest = value; i >= 0; i--, rest >>= 8n) out[i] = Number(rest & 255n);
  return out;
}

const SERVICE = parseIp(SERVICE_IP) ?? new Uint8Array(4);
const SERVICE_SUBNET: Prefix = { ip: SERVICE.with(3, 0), bits: 24 };

/** 100.64.0.1 … 100.127.255.254 without the service addresses' /24 and the ChromeOS range. */
export const ipv4Pool = (): AddressPool =>
  new AddressPool(
    CGNAT,
    2 ** (32 - CGNAT.bits) - 2,
    (ip) => prefixContains(SERVICE_SUBNET, ip) || prefixContains(CHROMEOS, ip),
  );

/** As many IPv6 addresses as fit 32 bits, from fd7a:115c:a1e0::1 on, without the service address ::53. */
export const ipv6Pool = (): AddressPool =>
  new AddressPool(TAILNET_ULA, 2 ** 32 - 2, (ip) => formatIp(ip) === SERVICE_IP6);
