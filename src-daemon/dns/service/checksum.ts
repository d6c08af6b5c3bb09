/** The Internet checksum (RFC 1071), whole and by difference (RFC 1624). */

const fold = (sum: number): number => {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
};

/** Sum of 16-bit words from `from` to `to`, folded, not inverted; `start` is what was summed before. */
export function sum16(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let sum = start;
  const even = to - ((to - from) & 1);
  for (let at = from; at < even; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  if (even < to) sum += (bytes[even] as number) << 8;
  return fold(sum);
}

export const inverted = (sum: number): number => ~sum & 0xffff;

/** A checksum after words that summed up to `before` were replaced by such that sum up to `after`. */
export const adjusted = (checksum: number, before: number, after: number): number =>
  inverted(fold(inverted(checksum) + inverted(before) + after));
