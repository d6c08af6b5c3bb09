/** Reads `acls` and `grants` (policy.md §5.1, §5.2). */
import { type Member, type Place, type Tree, toJson } from '../text/tree.ts';
import type { AclRule, CapMap, DestinationUse, GrantRule, Word } from './ast.ts';
import {
  hasPorts,
  isAllPorts,
  noSpecificPorts,
  type ProtoPorts,
  parseDestination,
  parseIpEntry,
  parseProtocol,
} from './ports.ts';
import type { Fields, Reader } from './read.ts';

const ACL = {
  fields: ['action', 'src', 'dst', 'proto', 'srcPosture'],
  aliases: { users: 'src', ports: 'dst' },
  hasComments: true,
};
const GRANT = { fields: ['src', 'dst', 'ip', 'app', 'via', 'srcPosture'], hasComments: true };

/** `tag:web:80,443`: what is meant and which ports. */
export function readDestination(reader: Reader, { text, at }: Word): DestinationUse | undefined {
  const parsed = parseDestination(text);
  if ('why' in parsed) {
    reader.report.error(parsed.code, parsed.why, at);
    return undefined;
  }
  const use = reader.selector(parsed.selector, at);
  if (use === undefined) return undefined;
  if (parsed.isUnbracketed && use.selector.kind === 'prefix') {
    const better = text.slice(0, text.lastIndexOf(':')).replace(/^[^/]+/, '[$&]');
    reader.report.warn(
      'unbracketed-ipv6',
      `write ${JSON.stringify(better + text.slice(text.lastIndexOf(':')))}: the port is hard to tell from the address`,
      at,
    );
  }
  return { ...use, text, ports: parsed.ports };
}

export const readDestinations = (
  reader: Reader,
  member: Member | undefined,
  what: string,
): readonly DestinationUse[] =>
  reader.words(member, what).flatMap((word) => readDestination(reader, word) ?? []);

export function readPosture(reader: Reader, fields: Fields): readonly Word[] | undefined {
  const member = fields.get('srcPosture');
  return member === undefined ? undefined : reader.words(member, 'srcPosture');
}

/** The number and the place of the word; undefined for no restriction. */
export function readProtocol(
  reader: Reader,
  fields: Fields,
): { number: number; text: string; at: Place } | undefined {
  const tree = fields.get('proto')?.value;
  if (tree === undefined) return undefined;
  const text = tree.kind === 'number' ? String(tree.value) : reader.string(tree, 'proto');
  if (text === undefined) return undefined;
  const parsed = parseProtocol(text);
  if (typeof parsed !== 'object')
    return parsed === undefined ? undefined : { number: parsed, text, at: tree };
  reader.report.error(parsed.code, parsed.why, tree);
  return undefined;
}

function checkAction(reader: Reader, tree: Tree, fields: Fields): void {
  const action = fields.get('action');
  const text = action === undefined ? '' : reader.string(action.value, 'action');
  if (text === undefined || text === 'accept') return;
  const hint = text === '' ? ': write "action": "accept"' : '';
  reader.report.error(
    'acl-action',
    `action=${JSON.stringify(text)} is not supported${hint}`,
    action?.value ?? tree,
  );
}

export function readAcl(reader: Reader, tree: Tree): AclRule | undefined {
  const fields = reader.fields(tree, 'an entry of acls', ACL);
  if (fields === undefined) return undefined;
  checkAction(reader, tree, fields);
  const proto = readProtocol(reader, fields);
  const src = reader.selectors(fields.get('src'), 'src');
  const dst = readDestinations(reader, fields.get('dst'), 'dst');
  if (proto !== undefined && !hasPorts(proto.number) && !dst.every(({ ports }) => ports.every(isAllPorts))) {
    const { code, why } = noSpecificPorts(proto.text);
    reader.report.error(code, why, proto.at);
  }
  return { at: tree, proto: proto?.number, src, dst, srcPosture: readPosture(reader, fields) };
}

/** What the project's server itself gives meaning to (policy.md §5.2). */
const BUILT_IN_CAPS = new Set(['drive', 'relay', 'webui', 'kubernetes', 'tsidp', 'secrets']);
const BUILT_IN_DOMAIN = 'tailscale.com/';

function checkCapName(reader: Reader, key: Member['key']): void {
  const name = key.value;
  if (name.includes('://') || !/^[^/\s]+\/\S+$/.test(name)) {
    reader.report.error(
      'cap-form',
      `capability name must have the form {domain}/{path}: ${JSON.stringify(name)}`,
      key,
    );
  } else if (
    name.startsWith(BUILT_IN_DOMAIN) &&
    !BUILT_IN_CAPS.has(name.slice(`${BUILT_IN_DOMAIN}cap/`.length))
  ) {
    reader.report.error(
      'cap-domain',
      `capability name must not be in the tailscale.com domain: ${JSON.stringify(name)}`,
      key,
    );
  }
}

function readApp(reader: Reader, member: Member | undefined): CapMap | undefined {
  if (member === undefined) return undefined;
  const table = reader.table(member, 'app', (value, key) => {
    checkCapName(reader, key);
    if (value.kind === 'null') return { values: null };
    return { values: reader.array({ key, value }, `app[${JSON.stringify(key.value)}]`).map(toJson) };
  });
  return Object.fromEntries([...table].map(([name, { value }]) => [name, value.values]));
}

function readIp(reader: Reader, member: Member | undefined): readonly ProtoPorts[] {
  return reader.words(member, 'ip').flatMap(({ text, at }) => {
    const parsed = parseIpEntry(text);
    if (!('why' in parsed)) return [parsed];
    reader.report.error(parsed.code, parsed.why, at);
    return [];
  });
}

export function readGrant(reader: Reader, tree: Tree): GrantRule | undefined {
  const fields = reader.fields(tree, 'an entry of grants', GRANT);
  if (fields === undefined) return undefined;
  const app = readApp(reader, fields.get('app'));
  const via = reader.words(fields.get('via'), 'via').filter(({ text, at }) => {
    if (!text.startsWith('tag:'))
      reader.report.error('via-not-tag', `via can only be a tag, not ${JSON.stringify(text)}`, at);
    return text.startsWith('tag:');
  });
  const ipMember = fields.get('ip');
  const hasIp =
    ipMember !== undefined && (ipMember.value.kind !== 'array' || ipMember.value.items.length > 0);
  const hasApp = app !== undefined && Object.keys(app).length > 0;
  if (!hasIp && !hasApp) reader.report.error('grant-empty', 'ip and app can not both be empty', tree);
  return {
    at: tree,
    src: reader.selectors(fields.get('src'), 'src'),
    dst: reader.selectors(fields.get('dst'), 'dst'),
    ip: readIp(reader, ipMember),
    app: hasApp ? app : undefined,
    via,
    srcPosture: readPosture(reader, fields),
  };
}
