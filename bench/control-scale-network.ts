/** The networks of the scale benchmark: who joins, which policy holds, what each machine should see. */
import type { MachinePlan } from './control-scale-machine.ts';

/** Servers that everybody uses, in a realistic network. */
const SERVERS = 20;
/** Machines of one group, who see each other and the servers. */
const GROUP_SIZE = 49;
const GROUPS = 20;
export const SUBNET = '10.99.0.0/24';
/** Machines that lead to the same subnet. */
export const ROUTERS: readonly [number, number] = [0, 1];

/** `groups`: each machine sees 50 to 100 others; `mesh`: everybody sees everybody. */
export type Shape = 'groups' | 'mesh';

export interface NetworkPlan {
  readonly shape: Shape;
  readonly size: number;
  /** Undefined = none is set. */
  readonly policy: string | undefined;
  readonly users: readonly string[];
  /** The user of each machine. */
  readonly owners: readonly string[];
  /** How many peers each machine has. */
  readonly peerCounts: readonly number[];
  readonly edit: Edit;
}

/** A change of the policy and back, and how each machine notices. */
export interface Edit {
  readonly on: string;
  readonly off: string;
  /** Peers of each machine while it is on; undefined = by its filter. */
  readonly peerCounts: readonly number[] | undefined;
  /** Part of a filter that is there only while it is on. */
  readonly filterText: string;
}

/** A port that nothing else in the policies names. */
const EDIT_PORT = 4_242;

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

export function planNetwork(shape: Shape, size: number): NetworkPlan {
  return shape === 'mesh' ? mesh(size) : groups(size);
}

function mesh(size: number): NetworkPlan {
  const rule = (port: string): object => ({ action: 'accept', src: ['*'], dst: [`*:${port}`] });
  const off = JSON.stringify({ acls: [rule('*')] });
  const on = JSON.stringify({ acls: [rule('*'), rule(`${EDIT_PORT}`)] });
  return {
    shape: 'mesh',
    size,
    policy: undefined,
    users: ['u0'],
    owners: range(size).map(() => 'u0'),
    peerCounts: range(size).map(() => size - 1),
    edit: { on, off, peerCounts: undefined, filterText: `"First":${EDIT_PORT}` },
  };
}

/** Machine 0 to 19 are the servers; then one group after the other. */
function groups(size: number): NetworkPlan {
  const groupOf = (index: number): number => Math.floor((index - SERVERS) / GROUP_SIZE);
  const members = (group: number): number =>
    Math.max(0, Math.min(GROUP_SIZE, size - SERVERS - group * GROUP_SIZE));
  const counts = (isOn: boolean): number[] =>
    range(size).map((index) => {
      if (index < SERVERS) return size - SERVERS;
      const own = groupOf(index);
      const others = isOn && own < 2 ? members(1 - own) : 0;
      return members(own) - 1 + SERVERS + others;
    });
  const names = range(GROUPS).map((group) => `group:g${group}`);
  const acls = [
    ...names.map((name) => ({ action: 'accept', src: [name], dst: [`${name}:*`] })),
    { action: 'accept', src: names, dst: ['group:servers:22,80,443', `${SUBNET}:*`] },
  ];
  const text = (more: readonly object[]): string =>
    JSON.stringify({
      groups: Object.fromEntries([
        ['group:servers', ['servers@']],
        ...range(GROUPS).map((group) => [`group:g${group}`, [`u${group}@`]]),
      ]),
      acls: [...acls, ...more],
    });
  const off = text([]);
  const on = text([{ action: 'accept', src: ['group:g0'], dst: [`group:g1:${EDIT_PORT}`] }]);
  return {
    shape: 'groups',
    size,
    policy: off,
    users: ['servers', ...range(GROUPS).map((group) => `u${group}`)],
    owners: range(size).map((index) => (index < SERVERS ? 'servers' : `u${groupOf(index)}`)),
    peerCounts: counts(false),
    edit: { on, off, peerCounts: counts(true), filterText: `"First":${EDIT_PORT}` },
  };
}

export const machinePlans = (
  network: NetworkPlan,
  keys: ReadonlyMap<string, string>,
): readonly MachinePlan[] =>
  network.owners.map((owner, index) => ({
    hostname: `machine-${index}`,
    authKey: keys.get(owner) ?? '',
    routes: ROUTERS.includes(index) ? [SUBNET] : [],
  }));
