/** Changes of the network's DNS by administrators, each with its entry in the audit log. */
import { RhumbError } from '#shared/errors.ts';
import type { Network } from '../state/network.ts';
import type { Actor, AuditEntry, DnsRecord } from '../store/records.ts';
import { clashWith, type ExtraRecord } from './record.ts';
import { MAX_RECORDS } from './records-file.ts';
import { checkChoice, DNS_SETTING, type DnsChoice, overlay, writeStored } from './settings.ts';
import type { DnsView } from './view.ts';

export interface ChangeDeps {
  readonly network: Network;
  readonly dns: DnsView;
  readonly now: number;
  readonly by: Actor;
}

const entry = (
  { now, by: { origin, id, name, remoteAddress } }: ChangeDeps,
  action: string,
  target: AuditEntry['target'],
  change: { readonly old?: string; readonly new?: string },
): AuditEntry => ({ at: now, actor: { origin, id, name, remoteAddress }, action, target, ...change });

/** Puts `next` in the place of what administrators said so far. */
export async function changeChoice(deps: ChangeDeps, next: DnsChoice): Promise<void> {
  const { dns, network } = deps;
  const merged = overlay(dns.settings.choice, next);
  checkChoice(merged, '');
  if (next.https === true && !dns.settings.canPublish)
    throw new RhumbError(
      'bad-argument',
      'https: the server has no way to publish challenges: set dns.https in its configuration first',
    );
  const value = writeStored(next);
  if (writeStored(dns.runtime) === value) return;
  const change = {
    old: writeStored(otherIn(dns.runtime, next)),
    new: writeStored(otherIn(next, dns.runtime)),
  };
  await network.save({
    writes: [{ put: 'setting', key: DNS_SETTING, value }],
    changes: [{ kind: 'dns' }],
    audit: [entry(deps, 'update', { type: 'dns', id: 'settings', name: 'DNS settings' }, change)],
  });
}

/** What `choice` says otherwise than `than` does: all of it would drown the difference. */
const otherIn = (choice: DnsChoice, than: DnsChoice): DnsChoice =>
  Object.fromEntries(
    (Object.keys(choice) as (keyof DnsChoice)[])
      .filter((key) => JSON.stringify(choice[key]) !== JSON.stringify(than[key]))
      .map((key) => [key, choice[key]]),
  );

const said = ({ name, type, value }: ExtraRecord): string => `${name} ${type} ${value}`;

export async function addRecord(deps: ChangeDeps, record: ExtraRecord, comment: string): Promise<DnsRecord> {
  const { dns, network, now } = deps;
  const clash = clashWith(record, dns.records);
  if (clash !== undefined) throw new RhumbError('conflict', clash);
  if (network.dnsRecords.size >= MAX_RECORDS)
    throw new RhumbError('conflict', `there are ${MAX_RECORDS} records already, and no room for more`);
  const { id, write } = network.nextId('dnsRecord');
  const value: DnsRecord = { id, ...record, comment, createdAt: now };
  await network.save({
    writes: [write, { put: 'dnsRecord', value }],
    changes: [{ kind: 'dns' }],
    audit: [
      entry(deps, 'create', { type: 'dns-record', id: String(id), name: record.name }, { new: said(record) }),
    ],
  });
  return value;
}

export async function removeRecord(deps: ChangeDeps, record: DnsRecord): Promise<void> {
  await deps.network.save({
    writes: [{ remove: 'dnsRecord', id: record.id }],
    changes: [{ kind: 'dns' }],
    audit: [
      entry(
        deps,
        'delete',
        { type: 'dns-record', id: String(record.id), name: record.name },
        { old: said(record) },
      ),
    ],
  });
}
