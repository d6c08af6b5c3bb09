/** Gives addresses out of the prefixes of now to machines that have theirs from earlier ones (coordination-server.md §6.3). */
import type { Actor, NodeRecord, Write } from '../store/records.ts';
import { nodeChange, What } from './changes.ts';
import type { Network } from './network.ts';
import { nodeEntry } from './node-entry.ts';
import { restAddresses } from './nodes.ts';

export interface Readdressed {
  readonly record: NodeRecord;
  readonly ipv4: string;
  readonly ipv6: string;
}

/** What changes, or, unless it is confirmed, what would; in one save, or not at all. */
export async function backfill(
  network: Network,
  isConfirmed: boolean,
  by: Actor,
): Promise<readonly Readdressed[]> {
  const { addresses, nowMs } = network;
  const due = [...network.nodes()]
    .map(({ record }) => record)
    .filter(({ ipv4, ipv6 }) => !addresses.holds(ipv4) || !addresses.holds(ipv6));
  const moved: Readdressed[] = [];
  try {
    for (const record of due)
      moved.push({
        record,
        ipv4: addresses.holds(record.ipv4) ? record.ipv4 : addresses.take('ipv4', nowMs),
        ipv6: addresses.holds(record.ipv6) ? record.ipv6 : addresses.take('ipv6', nowMs),
      });
  } finally {
    // What was taken is each machine's own only once it is saved.
    for (const { record, ipv4, ipv6 } of moved)
      for (const [was, is] of [
        [record.ipv4, ipv4],
        [record.ipv6, ipv6],
      ] as const)
        if (was !== is) addresses.giveBack(is);
  }
  if (isConfirmed && moved.length > 0) await readdress(network, moved, by);
  return moved;
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
