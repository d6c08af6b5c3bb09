/** What is said of an exit node in a list, seen and heard. */
import { formatMs, formatSpan } from '../../i18n/format.ts';
import { t } from '../../i18n/text.ts';
import { cut } from '../../lib/foreign.tsx';
import { countServers, type Node, type Option } from './model.ts';

/** `''` when there is nothing wrong. */
export function troubleOf({ trouble, lastSeenMs }: Option, nowMs: number): string {
  if (trouble === 'none') return '';
  if (trouble === 'expired') return t('exit.expired');
  return lastSeenMs === undefined
    ? t('exit.offline')
    : t('exit.offlineSince', { time: formatSpan(nowMs - lastSeenMs) });
}

export const latencyOf = ({ latencyMs, trouble }: Option): string =>
  latencyMs === undefined || trouble !== 'none' ? '' : formatMs(latencyMs);

/** Beside the name of a place: how much is in it. */
export function sizeOf(node: Node): string {
  if (node.kind === 'device') return '';
  const hasCities = node.children.some(({ kind }) => kind === 'place');
  return hasCities
    ? t('exit.cities', { count: node.children.length })
    : t('exit.servers', { count: countServers(node) });
}

/** As it is read out: name first, then what distinguishes it. */
export function spoken(node: Node, nowMs: number, isInUse: boolean): string {
  const option = node.kind === 'device' ? node : node.best;
  const note = node.kind === 'device' ? cut(node.note) : sizeOf(node);
  return [cut(node.name), note, troubleOf(option, nowMs), latencyOf(option), isInUse ? t('exit.inUse') : '']
    .filter((one) => one !== '')
    .join(', ');
}
