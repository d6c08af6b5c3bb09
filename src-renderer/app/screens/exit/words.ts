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

export interface LatencyWords {
  readonly time: string;
  /** Measured or estimated. */
  readonly source: string;
}

export const latencyWords = ({ latency, trouble }: Option): LatencyWords | undefined =>
  latency === undefined || trouble !== 'none'
    ? undefined
    : { time: formatMs(latency.ms), source: t(`exit.latency.${latency.source}`) };

/** Beside its name: where it is, why it is suggested, how much is in it. */
export function noteOf(node: Node): string {
  if (node.kind === 'place') return sizeOf(node);
  const why = node.why === undefined ? '' : t(`exit.why.${node.why}`);
  return [cut(node.note), why].filter((one) => one !== '').join(' · ');
}

function sizeOf(node: Extract<Node, { kind: 'place' }>): string {
  const hasCities = node.children.some(({ kind }) => kind === 'place');
  return hasCities
    ? t('exit.cities', { count: node.children.length })
    : t('exit.servers', { count: countServers(node) });
}

/** As it is read out: name first, then what distinguishes it. */
export function spoken(node: Node, nowMs: number, isInUse: boolean): string {
  const option = node.kind === 'device' ? node : node.best;
  const latency = latencyWords(option);
  return [
    cut(node.name),
    noteOf(node),
    troubleOf(option, nowMs),
    latency?.time ?? '',
    latency?.source ?? '',
    isInUse ? t('exit.inUse') : '',
  ]
    .filter((one) => one !== '')
    .join(', ');
}
