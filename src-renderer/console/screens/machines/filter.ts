/** Searching, filtering and sorting ten thousand machines between two key strokes. */
import type { Node } from '#shared/console/shapes.ts';
import type { Sort } from '../../../ui/grid.tsx';
import {
  expiresSoon,
  ipv4Of,
  isExit,
  isTagged,
  offersExit,
  offersSubnets,
  osName,
  ownerText,
  routesWaiting,
} from './facts.ts';

export const FILTERS = [
  'all',
  'online',
  'offline',
  'attention',
  'tagged',
  'exit',
  'routers',
  'expiring',
  'ephemeral',
  'disabled',
] as const;
export type Filter = (typeof FILTERS)[number];

export const parseFilter = (text: string | null): Filter =>
  FILTERS.find((filter) => filter === text) ?? 'all';

export function passes(node: Node, filter: Filter, nowMs: number): boolean {
  switch (filter) {
    case 'all':
      return true;
    case 'online':
      return node.online;
    case 'offline':
      return !node.online;
    case 'attention':
      return needsAttention(node, nowMs);
    case 'tagged':
      return isTagged(node);
    case 'exit':
      return isExit(node) || offersExit(node);
    case 'routers':
      return offersSubnets(node);
    case 'expiring':
      return expiresSoon(node, nowMs) || node.expired;
    case 'ephemeral':
      return node.ephemeral;
    case 'disabled':
      return node.disabled;
    default:
      return filter satisfies never;
  }
}

/** An administrator has something to decide. */
export const needsAttention = (node: Node, nowMs: number): boolean =>
  !node.approved || node.expired || routesWaiting(node) > 0 || expiresSoon(node, nowMs);

/** Everything that a search looks into, once per machine: the same record gives the same text. */
const searched = new WeakMap<Node, string>();

function textOf(node: Node): string {
  const known = searched.get(node);
  if (known !== undefined) return known;
  const text = [
    node.name,
    node.hostname,
    node.fqdn,
    ...node.ip_addresses,
    ownerText(node),
    node.user?.display_name ?? '',
    node.user?.email ?? '',
    osName(node.os),
    node.client_version,
    ...node.available_routes,
    `id:${node.id}`,
  ]
    .join('\n')
    .toLowerCase();
  searched.set(node, text);
  return text;
}

/** Every word must be found; what begins with the first one comes first. */
export function search(nodes: readonly Node[], words: string): readonly Node[] {
  const wanted = words
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const [first] = wanted;
  if (first === undefined) return nodes;
  const found = nodes.filter((node) => wanted.every((word) => textOf(node).includes(word)));
  const rank = (node: Node): number => (node.name.toLowerCase().startsWith(first) ? 0 : 1);
  return found.toSorted((a, b) => rank(a) - rank(b));
}

const byText = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });
const ipKey = (node: Node): string =>
  ipv4Of(node)
    .split('.')
    .map((part) => part.padStart(3, '0'))
    .join('.');
/** Those online first, then by when they were seen last. */
const seenKey = (node: Node): number =>
  node.online ? Number.MAX_SAFE_INTEGER : node.last_seen === null ? 0 : Date.parse(node.last_seen);

export function sortMachines(nodes: readonly Node[], { column, isDescending }: Sort): readonly Node[] {
  const compare = (a: Node, b: Node): number => {
    switch (column) {
      case 'status':
        return seenKey(b) - seenKey(a);
      case 'owner':
        return byText.compare(ownerText(a), ownerText(b));
      case 'address':
        return ipKey(a) < ipKey(b) ? -1 : ipKey(a) > ipKey(b) ? 1 : 0;
      case 'os':
        return byText.compare(osName(a.os), osName(b.os));
      case 'version':
        return byText.compare(a.client_version, b.client_version);
      case 'created':
        return Date.parse(b.created_at) - Date.parse(a.created_at);
      default:
        return byText.compare(a.name, b.name);
    }
  };
  const sign = isDescending ? -1 : 1;
  return nodes.toSorted((a, b) => sign * compare(a, b) || a.id - b.id);
}
