/** Who reaches whom, as few enough dots and lines to be read: machines, or all machines of an owner or tag as one. */
import type { PolicyReach } from '#shared/console/shapes.ts';

export interface Dot {
  readonly id: string;
  readonly name: string;
  readonly kind: 'machine' | 'user' | 'tag';
  readonly machines: readonly number[];
  /** Its machines reach one another. */
  readonly isInner: boolean;
}

export interface Line {
  readonly from: string;
  readonly to: string;
  /** Also the other way. */
  readonly isMutual: boolean;
  /** Pairs of machines behind it. */
  readonly pairs: number;
}

export interface Graph {
  readonly dots: readonly Dot[];
  readonly lines: readonly Line[];
}

export type Grouping = 'machines' | 'owners';

/** More dots than this on a circle are a ring. */
export const MOST_MACHINES = 40;

type ReachNode = PolicyReach['nodes'][number];

export function graphOf(
  { nodes, edges }: PolicyReach,
  grouping: Grouping,
  userName: (id: number) => string,
): Graph {
  const keyOf = new Map(
    nodes.map((node) => [node.id, grouping === 'machines' ? `n${node.id}` : groupKey(node)]),
  );
  const members = Map.groupBy(nodes, ({ id }) => keyOf.get(id) ?? '');
  const counts = new Map<string, number>();
  for (const { from, to } of edges)
    for (const other of to) {
      const pair = `${keyOf.get(from) ?? ''}\n${keyOf.get(other) ?? ''}`;
      counts.set(pair, (counts.get(pair) ?? 0) + 1);
    }
  const dots = [...members].map(([id, group]) => dotOf(id, group, grouping, userName, counts));
  return { dots: dots.toSorted(byKindAndName), lines: linesOf(counts) };
}

const groupKey = ({ tags, user_id }: ReachNode): string =>
  tags.length > 0 ? `t${tags.join(' ')}` : `u${user_id ?? ''}`;

function dotOf(
  id: string,
  group: readonly ReachNode[],
  grouping: Grouping,
  userName: (id: number) => string,
  counts: ReadonlyMap<string, number>,
): Dot {
  const [first] = group;
  const isTag = (first?.tags.length ?? 0) > 0;
  const owner = isTag ? (first?.tags ?? []).join(', ') : userName(first?.user_id ?? 0);
  return {
    id,
    name: grouping === 'machines' ? (first?.name ?? '') : owner,
    kind: isTag ? 'tag' : grouping === 'machines' ? 'machine' : 'user',
    machines: group.map((node) => node.id),
    isInner: counts.has(`${id}\n${id}`),
  };
}

function linesOf(counts: ReadonlyMap<string, number>): readonly Line[] {
  const lines: Line[] = [];
  for (const [pair, pairs] of counts) {
    const [from = '', to = ''] = pair.split('\n');
    const isMutual = counts.has(`${to}\n${from}`);
    if (from === to || (isMutual && from > to)) continue;
    lines.push({ from, to, isMutual, pairs });
  }
  return lines;
}

const byText = new Intl.Collator('en', { numeric: true });
const byKindAndName = (a: Dot, b: Dot): number =>
  byText.compare(a.kind, b.kind) || byText.compare(a.name, b.name);

export interface Placed {
  readonly x: number;
  readonly y: number;
  /** Labels on the left end at the dot. */
  readonly isLeft: boolean;
  /** Radians from the right, clockwise. */
  readonly angle: number;
}

/** On a circle, in order, the first at the top. */
export function place(count: number, index: number, radius: number): Placed {
  const angle = (index / Math.max(1, count)) * 2 * Math.PI - Math.PI / 2;
  return {
    x: Math.cos(angle) * radius,
    y: Math.sin(angle) * radius,
    isLeft: Math.cos(angle) < -0.01,
    angle,
  };
}

/** A bow towards the middle, ending before the dots so that arrows are seen. */
export function bow(from: Placed, to: Placed, gap: number): string {
  const bend = 0.25;
  const middle = { x: ((from.x + to.x) / 2) * bend, y: ((from.y + to.y) / 2) * bend };
  const a = towards(from, middle, gap);
  const b = towards(to, middle, gap);
  const text = (n: number): string => n.toFixed(1);
  return `M${text(a.x)} ${text(a.y)}Q${text(middle.x)} ${text(middle.y)} ${text(b.x)} ${text(b.y)}`;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function towards(from: Point, to: Point, by: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  return { x: from.x + ((to.x - from.x) / length) * by, y: from.y + ((to.y - from.y) / length) * by };
}
