/** What the strings of a packet filter mean to a client, by IPv4 and without our own sets (policy.md §8). */
import type { WireRule } from '../compile/filter.ts';

const number = (ip: string): number => ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

export function inText(text: string, ip: string): boolean {
  if (text === '*') return true;
  if (text.includes(':')) return false;
  const [range = '', bits] = text.split('/');
  const [first = '', last = first] = range.split('-');
  const size = bits === undefined ? 1 : 2 ** (32 - Number(bits));
  return number(first) <= number(ip) && number(ip) <= number(last) + size - 1;
}

/** Whether anything at all of the filter, ports or capabilities, is for packets between two addresses. */
export const mentions = (filter: readonly WireRule[], from: string, to: string): boolean =>
  filter.some(
    ({ SrcIPs, DstPorts = [], CapGrant = [] }) =>
      SrcIPs.some((text) => inText(text, from)) &&
      (DstPorts.some(({ IP }) => inText(IP, to)) ||
        CapGrant.some(({ Dsts }) => Dsts.some((text) => inText(text, to)))),
  );
