/** A policy's text to its typed form: the first three stages of checking (policy.md §6.1). */
import type { Report } from '../text/diagnostic.ts';
import { parseHujson } from '../text/hujson.ts';
import type { Member, Tree } from '../text/tree.ts';
import type { PolicyAst } from './ast.ts';
import { Reader } from './read.ts';
import { readAutoApprovers, readDerpMap, readNodeAttr } from './read-network.ts';
import { readAcl, readGrant } from './read-rules.ts';
import { readSshRule, readSshTest, readTest, TESTS_FAILED } from './read-ssh.ts';
import {
  readAttrConfig,
  readGroups,
  readHosts,
  readIpSets,
  readPostures,
  readTagOwners,
} from './read-tables.ts';

const POLICY = {
  fields: [
    'acls',
    'grants',
    'groups',
    'hosts',
    'tagOwners',
    'ipsets',
    'postures',
    'defaultSrcPosture',
    'attrConfig',
    'autoApprovers',
    'ssh',
    'nodeAttrs',
    'tests',
    'sshTests',
    'derpMap',
    'disableIPv4',
    'oneCGNATRoute',
    'randomizeClientPort',
  ],
};

const CGNAT_ROUTES = ['', 'mac-always', 'mac-never'] as const;

function readCgnatRoute(reader: Reader, member: Member | undefined): (typeof CGNAT_ROUTES)[number] {
  const text = member === undefined ? '' : reader.string(member.value, 'oneCGNATRoute');
  const known = CGNAT_ROUTES.find((one) => one === text);
  if (known === undefined && text !== undefined && member !== undefined) {
    const legal = CGNAT_ROUTES.map((one) => JSON.stringify(one)).join(', ');
    reader.report.error(
      'cgnat-route',
      `oneCGNATRoute=${JSON.stringify(text)}: must be one of ${legal}`,
      member.value,
    );
  }
  return known ?? '';
}

/** `null` would open everything, as an absent section does: it must be meant. */
function refuseNull(reader: Reader, root: Tree): void {
  if (root.kind !== 'object') return;
  for (const { key, value } of root.members)
    if (value.kind === 'null' && /^(acls|grants)$/i.test(key.value))
      reader.report.error(
        'wrong-type',
        `${key.value} must be an array, not null: write [] to allow nothing`,
        value,
      );
}

/** The policy as far as it could be read; undefined when not even its outline could. See the report for errors. */
export function readPolicy(text: string, report: Report, maxBytes?: number): PolicyAst | undefined {
  const root = parseHujson(text, report, maxBytes);
  if (report.hasErrors) return undefined;
  const reader = new Reader(report);
  if (root !== undefined) refuseNull(reader, root);
  const fields = root === undefined ? new Map<string, Member>() : reader.fields(root, 'the policy', POLICY);
  if (fields === undefined) return undefined;
  const list = <T>(name: string, read: (reader: Reader, tree: Tree) => T | undefined): readonly T[] =>
    reader.array(fields.get(name), name).flatMap((tree) => read(reader, tree) ?? []);
  return {
    hasRules: fields.has('acls') || fields.has('grants'),
    acls: list('acls', readAcl),
    grants: list('grants', readGrant),
    groups: readGroups(reader, fields.get('groups')),
    hosts: readHosts(reader, fields.get('hosts')),
    tagOwners: readTagOwners(reader, fields.get('tagOwners')),
    ipsets: readIpSets(reader, fields.get('ipsets')),
    postures: readPostures(reader, fields.get('postures')),
    defaultSrcPosture: reader.words(fields.get('defaultSrcPosture'), 'defaultSrcPosture'),
    attrConfig: readAttrConfig(reader, fields.get('attrConfig')),
    autoApprovers: readAutoApprovers(reader, fields.get('autoApprovers')),
    ssh: fields.has('ssh') ? list('ssh', readSshRule) : undefined,
    nodeAttrs: list('nodeAttrs', readNodeAttr),
    tests: report.within(TESTS_FAILED, () => list('tests', readTest)),
    sshTests: report.within(TESTS_FAILED, () => list('sshTests', readSshTest)),
    derpMap: readDerpMap(reader, fields.get('derpMap')),
    isIpv4Disabled: reader.boolean(fields.get('disableIPv4'), 'disableIPv4'),
    oneCgnatRoute: readCgnatRoute(reader, fields.get('oneCGNATRoute')),
    isClientPortRandom: reader.boolean(fields.get('randomizeClientPort'), 'randomizeClientPort'),
  };
}
