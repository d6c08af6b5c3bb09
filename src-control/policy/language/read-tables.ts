/** Reads the sections that declare names: groups, hosts, tagOwners, ipsets, postures, attrConfig (policy.md §5.3–§5.7). */
import { parsePrefix } from '#shared/ip/address.ts';
import { type Cidr, cidrOf } from '../sets/ranges.ts';
import type { Member, Tree } from '../text/tree.ts';
import type { AttributeConfig, IpSetOperation, SelectorUse, Table, Word } from './ast.ts';
import { type AttributeType, type Condition, parseCondition } from './condition.ts';
import type { Reader } from './read.ts';
import { isReservedWord, parseSelector } from './selector.ts';

/** Members that stand for what the identity provider says (policy.md §14.4). */
export const PROVIDER_GROUP = 'oidc-group:';

const named = (reader: Reader, key: Member['key'], prefix: string, code: string): void => {
  if (!key.value.startsWith(prefix) || key.value.length === prefix.length)
    reader.report.error(
      code,
      `${JSON.stringify(key.value)} must start with ${JSON.stringify(prefix)}, and a name after it`,
      key,
    );
};

export function readGroups(reader: Reader, member: Member | undefined): Table<readonly Word[]> {
  const nested: { group: string; report: () => void }[] = [];
  const table = reader.table(member, 'groups', (value, key): readonly Word[] => {
    named(reader, key, 'group:', 'group-name');
    if (value.kind !== 'array') {
      reader.report.error(
        'group-value',
        `group value must be an array of users: ${JSON.stringify(key.value)}`,
        value,
      );
      return [];
    }
    return reader.words({ key, value }, `groups[${JSON.stringify(key.value)}]`).filter(({ text, at }) => {
      if (text.startsWith(PROVIDER_GROUP)) return true;
      const selector = parseSelector(text);
      if (typeof selector !== 'string' && selector.kind === 'user') return true;
      const where = `groups[${JSON.stringify(key.value)}]: ${JSON.stringify(text)}`;
      if (text.startsWith('group:'))
        nested.push({
          group: key.value,
          report: () =>
            reader.report.error('group-recursive', `${where}: group members cannot be recursive`, at),
        });
      else if (typeof selector !== 'string' && selector.kind === 'host')
        reader.report.error(
          'group-member',
          `${where}: username must contain @: write ${JSON.stringify(`${text}@`)}`,
          at,
        );
      else reader.report.error('group-member', `${where}: invalid group member type: members are users`, at);
      return false;
    });
  });
  for (const { report } of nested.sort((a, b) => (a.group < b.group ? 1 : a.group > b.group ? -1 : 0)))
    report();
  return table;
}

export function readHosts(reader: Reader, member: Member | undefined): Table<Cidr> {
  return reader.table(member, 'hosts', (value, key) => {
    if (key.value === '' || /[:@]/.test(key.value) || isReservedWord(key.value))
      reader.report.error(
        'host-name',
        `invalid hostname ${JSON.stringify(key.value)}: a name of a host has no ":" or "@" and is no address`,
        key,
      );
    const text = reader.string(value, `hosts[${JSON.stringify(key.value)}]`);
    const prefix = text === undefined ? undefined : parsePrefix(text.trim());
    if (text !== undefined && prefix === undefined)
      reader.report.error(
        'host-value',
        `hosts[${JSON.stringify(key.value)}]: hostname contains invalid IP address: ${JSON.stringify(text)}: invalid address`,
        value,
      );
    if (prefix === undefined) return undefined;
    const cidr = cidrOf(prefix);
    if (cidrOf({ ...prefix, bits: prefix.ip.length * 8 }).first !== cidr.first)
      reader.report.warn('host-bits-set', `${text} has host bits set: it means ${cidr.text}`, value);
    return cidr;
  });
}

export function readTagOwners(reader: Reader, member: Member | undefined): Table<readonly SelectorUse[]> {
  return reader.table(member, 'tagOwners', (value, key) => {
    if (!key.value.startsWith('tag:')) {
      reader.report.error(
        'tag-format',
        `tagOwners[${JSON.stringify(key.value)}]: tag must start with 'tag:'`,
        key,
      );
    } else if (!/^tag:[A-Za-z]/.test(key.value)) {
      reader.report.error(
        'tag-name',
        `tagOwners[${JSON.stringify(key.value)}]: tag names must start with a letter, after 'tag:'`,
        key,
      );
    } else if (!/^tag:[A-Za-z0-9-]+$/.test(key.value)) {
      reader.report.error(
        'tag-name',
        `tagOwners[${JSON.stringify(key.value)}]: tag names have only letters, digits and -, after 'tag:'`,
        key,
      );
    }
    return reader.selectors({ key, value }, `tagOwners[${JSON.stringify(key.value)}]`);
  });
}

const OPERATION = /^(add|remove) (.+)$/;

function readOperations(reader: Reader, words: readonly Word[]): readonly IpSetOperation[] {
  const hasVerbs = words.some(({ text }) => OPERATION.test(text));
  return words.flatMap(({ text, at }) => {
    const match = OPERATION.exec(text);
    if (hasVerbs && match === null) {
      reader.report.error(
        'ipset-operation',
        `${JSON.stringify(text)}: begin every entry with "add " or "remove ", or none`,
        at,
      );
      return [];
    }
    const operand = reader.selector(match?.[2] ?? text, at);
    return operand === undefined ? [] : [{ isRemoval: match?.[1] === 'remove', operand }];
  });
}

export function readIpSets(reader: Reader, member: Member | undefined): Table<readonly IpSetOperation[]> {
  return reader.table(member, 'ipsets', (value, key) => {
    named(reader, key, 'ipset:', 'ipset-name');
    return readOperations(reader, reader.words({ key, value }, `ipsets[${JSON.stringify(key.value)}]`));
  });
}

export function readPostures(reader: Reader, member: Member | undefined): Table<readonly Condition[]> {
  return reader.table(member, 'postures', (value, key) => {
    named(reader, key, 'posture:', 'posture-name');
    return reader.words({ key, value }, `postures[${JSON.stringify(key.value)}]`).flatMap(({ text, at }) => {
      const condition = parseCondition(text);
      if (typeof condition !== 'string') return [condition];
      reader.report.error('posture-condition', condition, at);
      return [];
    });
  });
}

const TYPES: readonly AttributeType[] = ['string', 'bool', 'number'];

function readAttribute(reader: Reader, value: Tree): AttributeConfig | undefined {
  const fields = reader.fields(value, 'an entry of attrConfig', {
    fields: ['type', 'allowSetByNode', 'broadcastToPeers'],
  });
  if (fields === undefined) return undefined;
  const typeMember = fields.get('type');
  const word = typeMember === undefined ? 'string' : reader.string(typeMember.value, 'type');
  const type = TYPES.find((one) => one === word);
  if (word !== undefined && type === undefined)
    reader.report.error(
      'attr-type',
      `type ${JSON.stringify(word)} is not one of ${TYPES.join(', ')}`,
      typeMember?.value ?? value,
    );
  return {
    type: type ?? 'string',
    isSetByNode: reader.boolean(fields.get('allowSetByNode'), 'allowSetByNode'),
    broadcastTo: reader.selectors(fields.get('broadcastToPeers'), 'broadcastToPeers'),
  };
}

export const readAttrConfig = (reader: Reader, member: Member | undefined): Table<AttributeConfig> =>
  reader.table(member, 'attrConfig', (value) => readAttribute(reader, value));
