/** Reads what isn't a rule about packets: autoApprovers, nodeAttrs, derpMap (policy.md §5.8, §5.9, §12). */
import { parsePrefix } from '#shared/ip/address.ts';
import { type Cidr, cidrContains, cidrOf, cidrsOverlap } from '../sets/ranges.ts';
import { POOL, RESERVED } from '../sets/special.ts';
import { type Member, type Tree, toJson } from '../text/tree.ts';
import { readApps } from './app-connectors.ts';
import type { Approvers, AutoApprovers, DerpSection, NodeAttrRule, SelectorUse } from './ast.ts';
import type { Reader } from './read.ts';

export function readAutoApprovers(reader: Reader, member: Member | undefined): AutoApprovers {
  const fields =
    member === undefined
      ? undefined
      : reader.fields(member.value, 'autoApprovers', { fields: ['routes', 'exitNode', 'services'] });
  const routes: Approvers<Cidr>[] = [];
  reader.table(fields?.get('routes'), 'autoApprovers.routes', (value, key) => {
    const prefix = parsePrefix(key.value.trim());
    if (prefix === undefined)
      reader.report.error('route', `${JSON.stringify(key.value)} is not a route: write 10.0.0.0/8`, key);
    const approvers = reader.selectors({ key, value }, `routes[${JSON.stringify(key.value)}]`);
    if (prefix !== undefined) routes.push({ key: cidrOf(prefix), keyAt: key, approvers });
    return approvers;
  });
  const services: Approvers<string>[] = [];
  reader.table(fields?.get('services'), 'autoApprovers.services', (value, key) => {
    const approvers: readonly SelectorUse[] = reader.selectors(
      { key, value },
      `services[${JSON.stringify(key.value)}]`,
    );
    if (!/^(svc|tag):./.test(key.value))
      reader.report.error(
        'service-name',
        `${JSON.stringify(key.value)} must start with "svc:" or "tag:"`,
        key,
      );
    services.push({ key: key.value, keyAt: key, approvers });
    return approvers;
  });
  return { routes, services, exitNode: reader.selectors(fields?.get('exitNode'), 'exitNode') };
}

function readPool(reader: Reader, member: Member | undefined): readonly Cidr[] {
  return reader.words(member, 'ipPool').flatMap(({ text, at }) => {
    const prefix = parsePrefix(text.trim());
    if (prefix === undefined) {
      reader.report.error(
        'nodeattr-pool-range',
        `nodeAttrs ipPool must be within 100.64.0.0/10: ${JSON.stringify(text)} is no prefix`,
        at,
      );
      return [];
    }
    const cidr = cidrOf(prefix);
    const reserved = RESERVED.find((one) => cidrsOverlap(one, cidr));
    if (!cidrContains(POOL, cidr))
      reader.report.error(
        'nodeattr-pool-range',
        `nodeAttrs ipPool must be within 100.64.0.0/10: ${JSON.stringify(text)}`,
        at,
      );
    else if (reserved !== undefined)
      reader.report.error(
        'nodeattr-pool-reserved',
        `nodeAttrs ipPool must not overlap reserved Tailscale ranges: IPPool(${text}): network within reserved range ${reserved.text}`,
        at,
      );
    return [cidr];
  });
}

export function readNodeAttr(reader: Reader, tree: Tree): NodeAttrRule | undefined {
  const shape = { fields: ['target', 'attr', 'app', 'ipPool'], hasComments: true };
  const fields = reader.fields(tree, 'an entry of nodeAttrs', shape);
  if (fields === undefined) return undefined;
  return {
    at: tree,
    target: reader.selectors(fields.get('target'), 'target'),
    attr: reader.words(fields.get('attr'), 'attr'),
    apps: readApps(reader, fields.get('app')),
    ipPool: readPool(reader, fields.get('ipPool')),
  };
}

const REGION = {
  fields: ['regionID', 'regionCode', 'regionName', 'avoid', 'latitude', 'longitude', 'nodes'],
};
const NODE = {
  fields: [
    'name',
    'regionID',
    'hostName',
    'certName',
    'ipv4',
    'ipv6',
    'stunPort',
    'stunOnly',
    'derpPort',
    'insecureForTests',
    'stunTestIP',
    'canPort80',
  ],
};

function readPort(reader: Reader, member: Member | undefined, lowest: number): void {
  if (member === undefined) return;
  const { value } = member;
  const port = value.kind === 'number' ? value.value : Number.NaN;
  if (!Number.isInteger(port) || port < lowest || port > 65_535)
    reader.report.error(
      'derp-port',
      `${member.key.value} must be a port number from ${lowest} to 65535`,
      value,
    );
}

function readRelay(reader: Reader, tree: Tree, region: number, names: Set<string>): void {
  const fields = reader.fields(tree, 'a node of a derpMap region', NODE);
  if (fields === undefined) return;
  const name = fields.get('name');
  const text = name === undefined ? '' : reader.string(name.value, 'name');
  if (text === '') reader.report.error('derp-node', 'a relay must have a name', name?.value ?? tree);
  else if (text !== undefined && names.has(text))
    reader.report.error('derp-node', `two relays have the name ${JSON.stringify(text)}`, name?.value ?? tree);
  names.add(text ?? '');
  const host = fields.get('hostName');
  if (host === undefined || reader.string(host.value, 'hostName') === '')
    reader.report.error('derp-node', 'a relay must have a hostName', host?.value ?? tree);
  const own = fields.get('regionID')?.value;
  if (own !== undefined && (own.kind !== 'number' || own.value !== region))
    reader.report.error('derp-node', `regionID must be that of its region, ${region}`, own);
  readPort(reader, fields.get('derpPort'), 0);
  readPort(reader, fields.get('stunPort'), -1);
}

/** Regions of the deployment, which the standard map does not use. */
const CUSTOM_REGIONS = [900, 999] as const;

function readRegion(reader: Reader, key: Member['key'], value: Tree, names: Set<string>): unknown {
  const id = /^[1-9]\d{0,8}$/.test(key.value) ? Number(key.value) : undefined;
  if (id === undefined) {
    reader.report.error('derp-region', `${JSON.stringify(key.value)} is not the number of a region`, key);
    return undefined;
  }
  if (value.kind === 'null') return null;
  const fields = reader.fields(value, `region ${id}`, REGION);
  if (fields === undefined) return undefined;
  if (id < CUSTOM_REGIONS[0] || id > CUSTOM_REGIONS[1])
    reader.report.warn(
      'derp-region-id',
      `regions of your own have numbers from ${CUSTOM_REGIONS.join(' to ')}`,
      key,
    );
  const own = fields.get('regionID')?.value;
  if (own !== undefined && (own.kind !== 'number' || own.value !== id))
    reader.report.error('derp-region', `regionID must be the same as the name of the entry, ${id}`, own);
  const nodes = reader.array(fields.get('nodes'), 'nodes');
  if (nodes.length === 0)
    reader.report.error(
      'derp-region',
      `region ${id} has no nodes: add one, or write null to remove the region`,
      value,
    );
  for (const node of nodes) readRelay(reader, node, id, names);
  return toJson(value);
}

export function readDerpMap(reader: Reader, member: Member | undefined): DerpSection | undefined {
  if (member === undefined) return undefined;
  const fields = reader.fields(member.value, 'derpMap', { fields: ['regions', 'omitDefaultRegions'] });
  if (fields === undefined) return undefined;
  const names = new Set<string>();
  const omitDefaultRegions = reader.boolean(fields.get('omitDefaultRegions'), 'omitDefaultRegions');
  const regions = reader.table(fields.get('regions'), 'regions', (value, key) => ({
    region: readRegion(reader, key, value, names),
  }));
  const list = [...regions].map(([id, { value }]) => [Number(id), value.region] as const);
  if (omitDefaultRegions && !list.some(([, region]) => region !== null))
    reader.report.error('derp-empty', 'omitDefaultRegions leaves no relay: add a region', member.value);
  return { at: member.key, omitDefaultRegions, regions: new Map(list) };
}
