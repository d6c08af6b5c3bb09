/** Rendezvous hashing of node ids: machines that see equal choices prefer different ones, each always the same. */

const MASK = (1n << 64n) - 1n;
const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/** FNV-1a over both ids (big-endian), then a bit mixer ("mix13" of D. Stafford): the same numbers as official clients get. */
export function rendezvousHash(self: number | bigint): (node: number | bigint) => bigint {
  return (node) => {
    let value = FNV_OFFSET;
    for (const id of [BigInt(self), BigInt(node)])
      for (let shift = 56n; shift >= 0n; shift -= 8n)
        value = ((value ^ ((id >> shift) & 0xffn)) * FNV_PRIME) & MASK;
    value = ((value ^ (value >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    value = ((value ^ (value >> 27n)) * 0x94d049bb133111ebn) & MASK;
    return value ^ (value >> 31n);
  };
}
