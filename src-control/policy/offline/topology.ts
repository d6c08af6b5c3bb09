/** The network of an offline check, from a file: users and machines in their order (issue: policy compile). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { parseIp, parsePrefix } from '#shared/ip/address.ts';
import type { PolicyNetwork, PolicyNode, PolicyUser } from '../compile/network.ts';
import { type Addr, addrOf, type Cidr, cidrOf } from '../sets/ranges.ts';
import { Report } from '../text/diagnostic.ts';
import { parseHujson } from '../text/hujson.ts';
import { type ObjectTree, type Tree, toJson } from '../text/tree.ts';

const text = z.string().max(1_024);
const nullish = <T extends z.ZodType>(schema: T) => schema.nullish();

const user = z.looseObject({
  id: z.number().int().nonnegative(),
  name: text,
  email: nullish(text),
  provider_id: nullish(text),
  roles: nullish(z.array(text)),
  groups: nullish(z.array(text)),
});

const node = z.looseObject({
  id: nullish(z.number().int().nonnegative()),
  hostname: nullish(text),
  user: nullish(text),
  tags: nullish(z.array(text)),
  ipv4: nullish(text),
  ipv6: nullish(text),
  routable_ips: nullish(z.array(text)),
  approved_routes: nullish(z.array(text)),
  online: nullish(z.boolean()),
  app_connector: nullish(z.boolean()),
  attributes: nullish(z.record(text, z.union([z.string(), z.number(), z.boolean()]))),
});

const MAX_BYTES = 64 << 20;

function refuse(where: string, why: string): never {
  throw new RhumbError('bad-argument', `topology: ${where}: ${why}`);
}

function addr(where: string, value: string | null | undefined, bytes: 4 | 16): Addr | undefined {
  if (value === null || value === undefined || value === '') return undefined;
  const ip = parseIp(value);
  if (ip?.length !== bytes) refuse(where, `"${value}" is no IPv${bytes === 4 ? 4 : 6} address`);
  return addrOf(ip);
}

const cidrs = (where: string, list: readonly string[] | null | undefined): readonly Cidr[] =>
  (list ?? []).map((value) => {
    const prefix = parsePrefix(value);
    return prefix === undefined ? refuse(where, `"${value}" is no route`) : cidrOf(prefix);
  });

function parsed<T>(where: string, schema: z.ZodType<T>, tree: Tree): T {
  const result = schema.safeParse(toJson(tree));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  return refuse([where, ...(issue?.path ?? [])].join('.'), issue?.message ?? 'not understood');
}

function ownerOf(
  where: string,
  name: string | null | undefined,
  users: readonly PolicyUser[],
): number | undefined {
  if (name === null || name === undefined || name === '') return undefined;
  const owner = users.find((one) => one.name === name) ?? users.find((one) => one.email === name);
  return owner === undefined ? refuse(where, `user "${name}" is not in users`) : owner.id;
}

function readNode(name: string, tree: Tree, position: number, users: readonly PolicyUser[]): PolicyNode {
  const where = `nodes.${name}`;
  const raw = parsed(where, node, tree);
  const tags = raw.tags ?? [];
  const userId = tags.length > 0 ? undefined : ownerOf(`${where}.user`, raw.user, users);
  return {
    id: raw.id ?? position + 1,
    name,
    hostname: raw.hostname ?? name,
    userId,
    tags,
    ipv4: addr(`${where}.ipv4`, raw.ipv4, 4),
    ipv6: addr(`${where}.ipv6`, raw.ipv6, 16),
    announced: cidrs(`${where}.routable_ips`, raw.routable_ips),
    approved: cidrs(`${where}.approved_routes`, raw.approved_routes),
    isOnline: raw.online ?? true,
    isHealthy: true,
    offersApps: raw.app_connector ?? false,
    attributes: new Map(Object.entries(raw.attributes ?? {})),
  };
}

function readUser(tree: Tree, index: number): PolicyUser {
  const raw = parsed(`users.${index}`, user, tree);
  return {
    id: raw.id,
    name: raw.name,
    email: raw.email ?? '',
    providerId: raw.provider_id ?? '',
    roles: raw.roles ?? [],
    providerGroups: raw.groups ?? [],
  };
}

const memberOf = (root: ObjectTree, name: string): Tree | undefined =>
  root.members.find(({ key }) => key.value === name)?.value;

/** The order of `nodes` is kept: it is that of the ids. */
export function readTopology(source: string): PolicyNetwork {
  const report = new Report(source);
  const root = parseHujson(source, report, MAX_BYTES);
  const [wrong] = report.all;
  if (wrong !== undefined)
    refuse(`line ${wrong.range.start.line}, column ${wrong.range.start.column}`, wrong.message);
  if (root?.kind !== 'object') refuse('the file', 'must be {"users": […], "nodes": {…}}');
  const users = memberOf(root, 'users');
  const nodes = memberOf(root, 'nodes');
  if (users !== undefined && users.kind !== 'array') refuse('users', 'must be an array');
  if (nodes?.kind !== 'object') refuse('nodes', 'must be an object: {"<name>": {…}}');
  const people = (users?.items ?? []).map(readUser);
  const machines = nodes.members.map(({ key, value }, i) => readNode(key.value, value, i, people));
  const names = new Set(machines.map(({ name }) => name));
  if (names.size !== machines.length) refuse('nodes', 'two nodes have the same name');
  return { users: people, nodes: machines };
}
