/** What concerns a machine itself: its own node, its filter, SSH rules, names and warnings; for the first message and later ones. */
import { hash } from 'node:crypto';
import type { WireRule } from '../policy/compile/filter.ts';
import type { WireSshRule } from '../policy/compile/ssh.ts';
import type { PolicyView } from '../policy/live/view.ts';
import { isAdmitted, type Network, type NodeView } from '../state/network.ts';
import { type Books, Dirt } from './books.ts';
import type { DnsSource } from './dns-source.ts';
import { dialectOf, ownAddresses, selfJson } from './encode.ts';
import { noticesFor, noticesMember } from './notice.ts';
import { selfCaps } from './self-caps.ts';

export interface MapDeps {
  readonly network: Network;
  readonly policy: PolicyView;
  readonly dns: DnsSource;
  readonly baseDomain: string;
  readonly nowMs: number;
}

/** Whose stream it is, and what its client understands. */
export interface Reader {
  readonly view: NodeView;
  readonly capver: number;
}

const NOTHING: readonly WireRule[] = [];

const digest = (text: string): string => hash('sha256', text, 'base64');

/** What many machines have in common is made into text once. */
function keptJson<T extends object>(): (value: T) => string {
  const texts = new WeakMap<T, string>();
  return (value) => {
    const known = texts.get(value);
    if (known !== undefined) return known;
    const json = JSON.stringify(value);
    texts.set(value, json);
    return json;
  };
}
const rulesJson = keptJson<readonly WireRule[]>();
const dnsJson = keptJson<object>();

/** The members that lead from what the books say to what holds, of those that `bits` names; the books are brought up to date. */
export function ownMembers(deps: MapDeps, reader: Reader, books: Books, bits: number): string[] {
  const members: string[] = [];
  if (bits & Dirt.Self) addNode(deps, reader, books, members);
  if (bits & Dirt.Dns) addDns(deps, reader, books, members);
  if (bits & Dirt.Filter) addFilter(deps, reader, books, members);
  if (bits & Dirt.Ssh) addSsh(deps, reader, books, members);
  if (bits & Dirt.Notices) addNotices(reader, books, members);
  return members;
}

function addNode(deps: MapDeps, { view, capver }: Reader, books: Books, members: string[]): void {
  const { network, policy, baseDomain } = deps;
  const { record } = view;
  const isIn = isAdmitted(record);
  const caps = selfCaps({
    baseDomain,
    owner: record.userId === undefined ? undefined : network.user(record.userId),
    dns: deps.dns.capsOf(record.id),
    policy: isIn ? policy.capMapOf(record.id) : {},
  });
  const routes = isIn ? policy.routesOf(record.id, record.id) : ownAddresses(record);
  const json = selfJson(view, { routes, caps }, baseDomain, dialectOf(capver), deps.nowMs);
  const now = digest(json);
  if (now === books.self) return;
  books.self = now;
  members.push(`"Node":${json}`);
}

function addDns({ dns }: MapDeps, { view }: Reader, books: Books, members: string[]): void {
  const config = dns.configOf(view.record.id);
  const { dns: told } = books;
  if (config === told) return;
  books.dns = config;
  const json = dnsJson(config);
  if (told !== undefined && dnsJson(told) === json) return;
  members.push(`"DNSConfig":${json}`);
}

function addFilter({ policy }: MapDeps, { view }: Reader, books: Books, members: string[]): void {
  const rules = isAdmitted(view.record) ? policy.filterOf(view.record.id) : NOTHING;
  const { filter: told } = books;
  if (rules === told) return;
  books.filter = rules;
  const json = rulesJson(rules);
  if (told === undefined || rulesJson(told) !== json) members.push(`"PacketFilters":{"base":${json}}`);
}

function addSsh({ policy }: MapDeps, { view }: Reader, books: Books, members: string[]): void {
  const rules = isAdmitted(view.record) ? policy.sshOf(view.record.id) : undefined;
  const { ssh: told } = books;
  if (rules === told) return;
  books.ssh = rules;
  const json = sshMember(rules);
  if (sshMember(told) !== json) members.push(json);
}

/** Without rules nobody gets in; a member that is left out would mean "as before". */
export const sshMember = (rules: readonly WireSshRule[] | undefined): string =>
  `"SSHPolicy":${JSON.stringify({ rules: rules ?? [] })}`;

function addNotices({ view, capver }: Reader, books: Books, members: string[]): void {
  const current = noticesFor(view);
  const member = noticesMember(books.notices, current, capver);
  books.notices = current;
  if (member !== undefined) members.push(member);
}
