/** `dns show|set|records`: what machines are told about names. */
import type { Command } from 'commander';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { CallArg } from '../admin/calls.ts';
import type { DnsJson, DnsRecordJson, NameserverJson } from '../admin/dns.ts';
import { against, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { table } from './print.ts';

/** A list with commas, or nothing of the kind, or what the configuration file says. */
const LIST = 'a list with commas, none, or default';
const SWITCH = 'on, off or default';

const setOptions = z.object({
  magicDns: z.string().optional(),
  overrideLocalDns: z.string().optional(),
  https: z.string().optional(),
  nameservers: z.string().optional(),
  searchDomains: z.string().optional(),
  split: z.array(z.string()).optional(),
});

function showCommand(io: Io): Command {
  const command = leaf('show', 'show what machines are told about names');
  return command.action(() =>
    against(io, command, async (admin, { format }) => {
      const answer = await admin.call('dns.get', {});
      show(io, format, answer, () => settingsText(answer));
    }),
  );
}

function setCommand(io: Io): Command {
  const command = leaf('set', 'change what machines are told, until it is changed again')
    .option('--magic-dns <switch>', `machines resolve the network's names themselves: ${SWITCH}`)
    .option('--override-local-dns <switch>', `only the nameservers here count: ${SWITCH}`)
    .option('--https <switch>', `machines may ask for certificates: ${SWITCH}`)
    .option(
      '--nameservers <list>',
      `who is asked about everything else: ${LIST}; a + in front of one: also with an exit node`,
    )
    .option('--search-domains <list>', `completed after the base domain: ${LIST}`)
    .option(
      '--split <domain=servers>',
      'who is asked about a domain: corp.example.com=10.0.0.53,10.0.1.53, or corp.example.com=none; several times for several',
      (value: string, sofar: readonly string[] = []) => [...sofar, value],
    );
  return command.action(() =>
    against(io, command, async (admin, { format }) => {
      const arg = setArgument(setOptions.parse(command.opts()));
      if (Object.keys(arg).length === 0)
        throw new RhumbError('bad-argument', 'say what to set: see dns set --help');
      const answer = await admin.call('dns.set', arg);
      show(io, format, answer, () => settingsText(answer));
    }),
  );
}

function setArgument(given: z.output<typeof setOptions>): CallArg<'dns.set'> {
  const arg: CallArg<'dns.set'> = {
    magicDns: onOff(given.magicDns, '--magic-dns'),
    overrideLocalDns: onOff(given.overrideLocalDns, '--override-local-dns'),
    https: onOff(given.https, '--https'),
    nameservers: list(given.nameservers)?.map(server),
    searchDomains: list(given.searchDomains),
    splitDnsPatch: given.split === undefined ? undefined : Object.fromEntries(given.split.map(splitEntry)),
  };
  if (given.nameservers === 'default') arg.nameservers = null;
  if (given.searchDomains === 'default') arg.searchDomains = null;
  return Object.fromEntries(Object.entries(arg).filter(([, value]) => value !== undefined));
}

function onOff(text: string | undefined, option: string): boolean | null | undefined {
  if (text === undefined) return undefined;
  if (text === 'default') return null;
  if (text === 'on' || text === 'off') return text === 'on';
  throw new RhumbError('bad-argument', `${option} takes ${SWITCH}, not "${text}"`);
}

const list = (text: string | undefined): string[] | undefined =>
  text === undefined || text === 'default'
    ? undefined
    : text === 'none'
      ? []
      : text.split(',').map((one) => one.trim());

const server = (text: string): { address: string; useWithExitNode: boolean } =>
  text.startsWith('+')
    ? { address: text.slice(1), useWithExitNode: true }
    : { address: text, useWithExitNode: false };

function splitEntry(text: string): [string, { address: string; useWithExitNode: boolean }[] | null] {
  const at = text.indexOf('=');
  if (at < 1)
    throw new RhumbError('bad-argument', `--split takes DOMAIN=SERVERS or DOMAIN=none, not "${text}"`);
  const servers = list(text.slice(at + 1)) ?? [];
  return [text.slice(0, at), servers.length === 0 ? null : servers.map(server)];
}

function recordsCommand(io: Io): Command {
  const every = leaf('list', 'show the extra records of every source');
  every.action(() =>
    against(io, every, async (admin, { format }) => {
      const records = await admin.call('dns.records.list', {});
      show(io, format, records, () => recordsTable(records));
    }),
  );
  const add = leaf('add', 'add a record')
    .argument('<name>', 'the whole name, such as wiki.example.com')
    .argument('<value>', 'an address, a name, a text, or for SRV "PRIORITY WEIGHT PORT TARGET"')
    .option('--type <type>', 'A, AAAA, CNAME, TXT or SRV; A or AAAA where the value is an address')
    .option('--comment <text>', 'what it is for');
  add.action((name: string, value: string) =>
    against(io, add, async (admin, { format }) => {
      const options = z
        .object({ type: z.string().optional(), comment: z.string().optional() })
        .parse(add.opts());
      const record = await admin.call('dns.records.add', { name, value, ...options });
      const { warnings } = await admin.call('dns.get', {});
      for (const warning of warnings.filter((one) => one.startsWith(`${record.name}:`)))
        io.err(`note: ${warning}`);
      show(io, format, record, () => recordsTable([record]));
    }),
  );
  const remove = leaf('remove', 'remove a record that was added')
    .argument('<record>', 'its number, or its name with the value behind it')
    .argument('[value]', 'of the record')
    .option('--type <type>', 'of the record, where the value is no address');
  remove.action((record: string, value: string | undefined) =>
    against(io, remove, async (admin, { format }) => {
      const { type } = z.object({ type: z.string().optional() }).parse(remove.opts());
      if (value === undefined && !/^\d{1,9}$/.test(record))
        throw new RhumbError('bad-argument', 'give the number of the record, or its name and value');
      const gone = await admin.call(
        'dns.records.remove',
        value === undefined ? { id: Number(record) } : { name: record, value, type },
      );
      show(io, format, gone, () => recordsTable([gone]));
    }),
  );
  return group('records', 'names beside those of the machines')
    .addCommand(every)
    .addCommand(add)
    .addCommand(remove);
}

export const dnsCommand = (io: Io): Command =>
  group('dns', 'what machines are told about names')
    .addCommand(showCommand(io))
    .addCommand(setCommand(io))
    .addCommand(recordsCommand(io));

const serverText = (one: NameserverJson): string =>
  one.use_with_exit_node ? `${one.address} (also with an exit node)` : one.address;

const onText = (value: boolean): string => (value ? 'on' : 'off');
const listText = (values: readonly string[]): string => (values.length === 0 ? 'none' : values.join(', '));

function settingsText(dns: DnsJson): string {
  const rows: [string, string, string][] = [
    ['Base domain', dns.base_domain, ''],
    ['MagicDNS', onText(dns.magic_dns), 'magic_dns'],
    ['Nameservers', listText(dns.nameservers.map(serverText)), 'nameservers'],
    ['Instead of the machine’s own', onText(dns.override_local_dns), 'override_local_dns'],
    ['Search domains', listText(dns.search_domains), 'search_domains'],
    ...Object.entries(dns.split_dns).map(([domain, servers]): [string, string, string] => [
      `Split: ${domain}`,
      listText(servers.map(serverText)),
      'split_dns',
    ]),
    ['Certificates', dns.https_possible ? onText(dns.https) : 'off (dns.https is not configured)', 'https'],
    ['Responder', dns.responder ?? 'none', ''],
  ];
  const file = dns.records_file;
  if (file !== null)
    rows.push(['Records file', `${file.path}: ${file.problem ?? `${file.records} records`}`, '']);
  return [
    table(
      ['What', 'Value', 'From'],
      rows.map(([what, value, key]) => [what, value, dns.changed.includes(key) ? 'dns set' : '']),
    ),
    ...dns.warnings.map((warning) => `warning: ${warning}`),
  ].join('\n');
}

const recordsTable = (records: readonly DnsRecordJson[]): string =>
  table(
    ['ID', 'Name', 'Type', 'Value', 'From', 'Comment'],
    records.map((one) => [
      one.id === null ? '' : String(one.id),
      one.name,
      one.type,
      one.value,
      one.source,
      one.comment,
    ]),
  );
