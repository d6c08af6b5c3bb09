/** Calls that change what a machine is in the network: owner, tags, admission, expiry, addresses, attributes. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { backfill } from '../state/backfill.ts';
import type { Network } from '../state/network.ts';
import { type Admittance, setAdmittance, setExpiryDisabled } from '../state/nodes.ts';
import { moveNode, parseTags, setAddresses, setAttribute, tagNode } from '../state/ownership.ts';
import type { NodeRecord } from '../store/records.ts';
import { name, tags } from './args.ts';
import { defineCall } from './call.ts';
import type { Caller } from './caller.ts';
import type { AdminDeps } from './deps.ts';
import { findNode, findUser } from './find.ts';
import { assignableTags } from './minting.ts';
import type { NodeJson } from './node-json.ts';
import { again } from './nodes.ts';
import { refuseMachineFor } from './users.ts';

const oneNode = z.strictObject({ node: name });

type Change = (network: Network, record: NodeRecord, by: Caller) => Promise<unknown>;

async function change(deps: AdminDeps, node: string, by: Caller, act: Change): Promise<NodeJson> {
  const { record } = findNode(deps.network, node);
  await act(deps.network, record, by);
  return again(deps, record.id);
}

const admittance = (to: Admittance) =>
  defineCall({
    arg: oneNode,
    scope: 'devices:core',
    run: async (deps, { node }, by) =>
      change(deps, node, by, (network, record) => setAdmittance(network, record, to, by)),
  });

/** A tag that the policy doesn't declare would be in no rule, and rules that name it would be errors. */
function refuseUndeclared(deps: AdminDeps, wanted: readonly string[], record: NodeRecord): void {
  const policy = deps.live?.register.policy;
  const unknown = wanted.find((tag) => !record.tags.includes(tag) && policy?.hasTag(tag) === false);
  if (unknown !== undefined)
    throw new RhumbError(
      'not-found',
      `tag not found: ${unknown}; declare it in tagOwners of the policy first`,
    );
}

export const nodeChangeCalls = {
  'nodes.tag': defineCall({
    arg: z.strictObject({ node: name, tags }),
    scope: 'devices:core',
    run: async (deps, { node, tags }, by) =>
      change(deps, node, by, (network, record) => {
        const wanted = parseTags(assignableTags(deps, by, tags));
        refuseUndeclared(deps, wanted, record);
        return tagNode(network, record, wanted, by);
      }),
  }),
  'nodes.move': defineCall({
    arg: z.strictObject({ node: name, user: name }),
    scope: 'devices:core',
    run: async (deps, { node, user }, by) =>
      change(deps, node, by, (network, record) => {
        const to = findUser(network, user);
        refuseMachineFor(by, to);
        return moveNode(network, record, to, by);
      }),
  }),
  'nodes.authorize': defineCall({
    arg: z.strictObject({ node: name, authorized: z.boolean().optional() }),
    scope: 'devices:core',
    run: async (deps, { node, authorized }, by) =>
      change(deps, node, by, (network, record) =>
        setAdmittance(network, record, authorized === false ? 'waiting' : 'approved', by),
      ),
  }),
  'nodes.disable': admittance('disabled'),
  'nodes.enable': admittance('enabled'),
  'nodes.key-expiry': defineCall({
    arg: z.strictObject({ node: name, disabled: z.boolean() }),
    scope: 'devices:core',
    run: async (deps, { node, disabled }, by) =>
      change(deps, node, by, (network, record) => {
        const lifetimeMs = deps.live?.register.keyLifetimeMs ?? 0;
        const isTimeless = lifetimeMs === 0 || record.userId === undefined;
        const endsAt = isTimeless ? undefined : deps.clock.now() + lifetimeMs;
        return setExpiryDisabled(network, record, disabled, endsAt, by);
      }),
  }),
  'nodes.set-ip': defineCall({
    arg: z.strictObject({
      node: name,
      ipv4: z.string().max(45).optional(),
      ipv6: z.string().max(45).optional(),
    }),
    scope: 'devices:core',
    run: async (deps, { node, ipv4, ipv6 }, by) => {
      if (ipv4 === undefined && ipv6 === undefined)
        throw new RhumbError(
          'bad-argument',
          'say which address it is to have: an IPv4 one, an IPv6 one, or both',
        );
      return change(deps, node, by, (network, record) => setAddresses(network, record, { ipv4, ipv6 }, by));
    },
  }),
  'nodes.set-attribute': defineCall({
    arg: z.strictObject({
      node: name,
      key: z.string().min(1).max(64),
      value: z.union([z.string().max(256), z.number(), z.boolean()]),
      /** RFC 3339; without it the attribute stays. */
      expiry: z.iso.datetime({ offset: true }).optional(),
      comment: z.string().max(256).optional(),
    }),
    scope: 'devices:posture_attributes',
    run: async (deps, { node, key, value, expiry, comment }, by) =>
      change(deps, node, by, (network, record) => {
        const expiresAt = expiry === undefined ? undefined : Date.parse(expiry);
        return setAttribute(network, record, { key, value, expiresAt, comment }, by);
      }),
  }),
  'nodes.remove-attribute': defineCall({
    arg: z.strictObject({ node: name, key: z.string().min(1).max(64) }),
    scope: 'devices:posture_attributes',
    run: async (deps, { node, key }, by) =>
      change(deps, node, by, (network, record) =>
        setAttribute(network, record, { key, value: undefined }, by),
      ),
  }),
  'nodes.backfillips': defineCall({
    arg: z.strictObject({ confirmed: z.boolean() }),
    scope: 'devices:core',
    run: async ({ network, live }, { confirmed }, by) => ({
      confirmed,
      changes: (
        await backfill(network, confirmed, by, (record) => live?.register.policy?.poolsFor(record))
      ).map(({ record, ipv4, ipv6 }) => ({
        ...{ id: record.id, name: record.givenName },
        ...{ from: [record.ipv4, record.ipv6], to: [ipv4, ipv6] },
      })),
    }),
  }),
};
