/** What a packet filter amounts to, as long as no filter stands in the packet path. */
import type { FilterRule } from '#shared/wire/map.ts';

/** The server said, in so many words, that nothing may come in. */
export const blocksEverything = (filter: readonly FilterRule[] | undefined): boolean =>
  filter?.every((rule) => (rule.SrcIPs ?? []).length === 0 || (rule.DstPorts ?? []).length === 0) ?? false;

/** One rule admits everything from everyone. A server that sent no filter leaves the decision to us: open. */
export const isOpenFilter = (filter: readonly FilterRule[] | undefined): boolean =>
  filter === undefined || filter.some(isOpenRule);

function isOpenRule(rule: FilterRule): boolean {
  return (
    rule.SrcIPs?.includes('*') === true &&
    (rule.IPProto ?? []).length === 0 &&
    rule.DstPorts?.some(({ IP, Ports }) => IP === '*' && Ports.First === 0 && Ports.Last === 65_535) === true
  );
}
