/** Spans of time as people write them: `90s`, `30m`, `1h`, `180d`, `0` for never. */
import { RhumbError } from '#shared/errors.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const LONGEST_MS = 100 * 365 * 86_400_000;

/** Milliseconds; 0 stands for "never". `1h30m` works as well. */
export function parseDuration(text: string): number {
  const plain = text.trim();
  if (plain === '0' || plain === 'never') return 0;
  const wanted = /^(\d{1,9}[smhdw])+$/.test(plain) ? (plain.match(/\d+[smhdw]/g) ?? []) : [];
  let total = 0;
  for (const part of wanted) total += Number(part.slice(0, -1)) * (UNIT_MS[part.slice(-1)] ?? 0);
  if (total <= 0 || total > LONGEST_MS)
    throw new RhumbError(
      'bad-argument',
      `"${text}" is not a span of time: write 90s, 30m, 1h, 180d, or 0 for never`,
    );
  return total;
}
