/** Longest-prefix match: a path-compressed binary trie per family, values are non-negative integers. */
import type { IpBytes, Prefix } from './address.ts';

interface Branch {
  /** Masked address bytes and length of this prefix. */
  readonly ip: Uint8Array;
  readonly bits: number;
  value: number;
  zero: Branch | undefined;
  one: Branch | undefined;
}

const NONE = -1;

const bitAt = (ip: Uint8Array, index: number): number =>
  ((ip[index >> 3] as number) >> (7 - (index & 7))) & 1;

function commonBits(a: Uint8Array, b: Uint8Array, limit: number): number {
  let count = 0;
  for (let i = 0; i < a.length && count < limit; i++) {
    const diff = (a[i] as number) ^ (b[i] as number);
    if (diff === 0) {
      count += 8;
    } else {
      count += Math.clz32(diff) - 24;
      break;
    }
  }
  return Math.min(count, limit);
}

function masked(ip: Uint8Array, bits: number): Uint8Array {
  const out = ip.slice();
  for (let i = 0; i < out.length; i++) {
    const keep = Math.max(0, Math.min(8, bits - 8 * i));
    out[i] = (out[i] as number) & (0xff << (8 - keep));
  }
  return out;
}

const leaf = (ip: Uint8Array, bits: number, value: number): Branch => ({
  ip: masked(ip, bits),
  bits,
  value,
  zero: undefined,
  one: undefined,
});

function insert(node: Branch | undefined, ip: Uint8Array, bits: number, value: number): Branch {
  if (node === undefined) return leaf(ip, bits, value);
  const common = commonBits(node.ip, ip, Math.min(node.bits, bits));
  if (common < node.bits) {
    const parent = leaf(ip, common, common === bits ? value : NONE);
    if (bitAt(node.ip, common) === 0) parent.zero = node;
    else parent.one = node;
    if (common < bits) {
      if (bitAt(ip, common) === 0) parent.zero = leaf(ip, bits, value);
      else parent.one = leaf(ip, bits, value);
    }
    return parent;
  }
  if (bits === node.bits) node.value = value;
  else if (bitAt(ip, node.bits) === 0) node.zero = insert(node.zero, ip, bits, value);
  else node.one = insert(node.one, ip, bits, value);
  return node;
}

/** Without the value of this very prefix; a branch that then parts nothing goes too. */
function remove(node: Branch | undefined, ip: Uint8Array, bits: number): Branch | undefined {
  if (node === undefined || bits < node.bits) return node;
  if (commonBits(node.ip, ip, node.bits) < node.bits) return node;
  if (bits === node.bits) node.value = NONE;
  else if (bitAt(ip, node.bits) === 0) node.zero = remove(node.zero, ip, bits);
  else node.one = remove(node.one, ip, bits);
  if (node.value !== NONE) return node;
  if (node.zero === undefined) return node.one;
  return node.one === undefined ? node.zero : node;
}

/** Whether the first `bits` bits of two addresses, the second starting at `offset` of a packet, are the same. */
function matches(prefix: Uint8Array, bits: number, packet: Uint8Array, offset: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (prefix[i] !== packet[offset + i]) return false;
  const rest = bits & 7;
  if (rest === 0) return true;
  return (
    (((prefix[whole] as number) ^ (packet[offset + whole] as number)) & (0xff << (8 - rest)) & 0xff) === 0
  );
}

export class PrefixTable {
  #v4: Branch | undefined;
  #v6: Branch | undefined;

  set(prefix: Prefix, value: number): void {
    if (prefix.ip.length === 4) this.#v4 = insert(this.#v4, prefix.ip, prefix.bits, value);
    else this.#v6 = insert(this.#v6, prefix.ip, prefix.bits, value);
  }

  delete(prefix: Prefix): void {
    if (prefix.ip.length === 4) this.#v4 = remove(this.#v4, prefix.ip, prefix.bits);
    else this.#v6 = remove(this.#v6, prefix.ip, prefix.bits);
  }

  lookup(ip: IpBytes): number {
    return this.lookupAt(ip, 0, ip.length);
  }

  /** Value of the longest prefix that holds the address of `size` bytes (4 or 16) at `offset`; -1 for none. */
  lookupAt(packet: Uint8Array, offset: number, size: number): number {
    let node = size === 4 ? this.#v4 : this.#v6;
    let found = NONE;
    while (node !== undefined && matches(node.ip, node.bits, packet, offset)) {
      if (node.value !== NONE) found = node.value;
      if (node.bits === size * 8) break;
      const at = node.bits;
      const bit = ((packet[offset + (at >> 3)] as number) >> (7 - (at & 7))) & 1;
      node = bit === 0 ? node.zero : node.one;
    }
    return found;
  }

  /** Length of that prefix; -1 for none. */
  bitsAt(packet: Uint8Array, offset: number, size: number): number {
    let node = size === 4 ? this.#v4 : this.#v6;
    let found = NONE;
    while (node !== undefined && matches(node.ip, node.bits, packet, offset)) {
      if (node.value !== NONE) found = node.bits;
      if (node.bits === size * 8) break;
      const at = node.bits;
      const bit = ((packet[offset + (at >> 3)] as number) >> (7 - (at & 7))) & 1;
      node = bit === 0 ? node.zero : node.one;
    }
    return found;
  }

  /** Values of all prefixes that hold an address, shortest first. */
  path(ip: IpBytes): number[] {
    let node = ip.length === 4 ? this.#v4 : this.#v6;
    const found: number[] = [];
    while (node !== undefined && matches(node.ip, node.bits, ip, 0)) {
      if (node.value !== NONE) found.push(node.value);
      if (node.bits === ip.length * 8) break;
      node = bitAt(ip, node.bits) === 0 ? node.zero : node.one;
    }
    return found;
  }
}
