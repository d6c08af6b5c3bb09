/** Gives addresses out of the prefixes of now to machines that have theirs from earlier ones (coordination-server.md §6.3). */
import { parseIp, parsePrefix, prefixContains } from '#shared/ip/address.ts';
import type { Actor, NodeRecord, Write } from '../store/records.ts';
import type { Family } from './addresses.ts';
import { nodeChange, What } from './changes.ts';
import type { Network } from './network.ts';
import { nodeEntry } from './node-entry.ts';
import { restAddresses } from './nodes.ts';

export interface Readdressed {
  readonly record: NodeRecord;
  readonly ipv4: string;
  readonly ipv6: string;
}

/** Where the policy wants a machine's IPv4 address from, which may be outside the prefixes. */
export type PoolsOf = (record: NodeRecord) => readonly string[] | undefined;

/** What changes, or, unless it is confirmed, what would; in one save, or not at all. */
export async function backfill(
  network: Network,
  isConfirmed: boolean,
  by: Actor,
  poolsOf: PoolsOf = () => undefined,
): Promise<readonly Readdressed[]> {
  const { addresses, nowMs } = network;
  const moved: Readdressed[] = [];
  const taken: string[] = [];
  const take = (family: Family, pools?: readonly string[]): string => {
    const text = addresses.take(family, nowMs, pools);
    taken.push(text);
    return text;
  };
  try {
    for (const { record } of network.nodes()) {
      const pools = poolsOf(record);
      const staysAt4 = addresses.holds(record.ipv4) || isInPools(record.ipv4, pools);
      const staysAt6 = addresses.holds(record.ipv6);
      if (staysAt4 && staysAt6) continue;
      const ipv4 = staysAt4 ? record.ipv4 : take('ipv4', pools);
      moved.push({ record, ipv4, ipv6: staysAt6 ? record.ipv6 : take('ipv6') });
    }
  } finally {
    // What was taken is each machine's own only once it is saved.
    for (const text of taken) addresses.giveBack(text);
  }
  if (isConfirmed && moved.length > 0) await readdress(network, moved, by);
  return moved;
}

function isInPools(address: string, pools: readonly string[] = []): boolean {
  const ip = parseIp(address);
  return (
    ip !== undefined &&
    pools.some((text) => {
      const pool = parsePrefix(text);
      return pool !== undefined && prefixContains(pool, ip);
    })
  );
}

async function readdress(network: Network, moved: readonly Readdressed[], by: Actor): Promise<void> {
  const freed = moved.flatMap(({ record, ipv4, ipv6 }) =>
    [record.ipv4, record.ipv6].filter((text) => text !== ipv4 && text !== ipv6),
  );
  const puts: Write[] = moved.map(({ record, ipv4, ipv6 }) => ({
    put: 'node',
    value: { ...record, ipv4, ipv6 },
  }));
  await network.save({
    writes: [...puts, ...restAddresses(network, freed)],
    changes: moved.map(({ record }) => nodeChange(record.id, What.Whole | What.Tags)),
    audit: moved.map(({ record, ipv4, ipv6 }) =>
      nodeEntry(
        record,
        {
          action: 'update',
          property: 'addresses',
          old: `${record.ipv4} ${record.ipv6}`,
          new: `${ipv4} ${ipv6}`,
          details: 'the prefixes are others',
        },
        network.nowMs,
        by,
      ),
    ),
  });
}
