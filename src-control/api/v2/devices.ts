/** `/tailnet/{t}/devices` and `/device/{id}/…` (coordination-server.md §13.1). */
import { z } from 'zod';
import { tags } from '../../admin/args.ts';
import { announcedRoutes } from '../../state/announced.ts';
import type { NodeView } from '../../state/network.ts';
import { empty, endpoint } from '../endpoint.ts';
import { checkTailnet, deviceOf, inTailnet, nodeArg, withId } from './common.ts';
import { type DeviceJson, device, deviceJson } from './device-json.ts';

const routes = z
  .object({ advertisedRoutes: z.array(z.string()), enabledRoutes: z.array(z.string()) })
  .meta({ id: 'DeviceRoutes' });

const routesOf = ({ record }: NodeView) => ({
  advertisedRoutes: announcedRoutes(record),
  enabledRoutes: record.approvedRoutes,
});

const fields = z.object({ fields: z.string().optional() });

/** Any field as a query: one of several values is enough, and each named field must have one. */
function matches(one: DeviceJson, filters: readonly (readonly [string, readonly string[]])[]): boolean {
  const row: Readonly<Record<string, unknown>> = one;
  return filters.every(([name, wanted]) => {
    const value = row[name];
    const has: readonly unknown[] = Array.isArray(value) ? value : [value];
    return wanted.some((text) => has.some((item) => String(item) === text));
  });
}

const reading = { method: 'GET', need: 'devices:core:read', tag: 'Devices' } as const;
const writing = {
  method: 'POST',
  need: 'devices:core',
  tag: 'Devices',
  params: withId,
  result: empty,
} as const;

export const deviceEndpoints = [
  endpoint({
    ...{ ...reading, path: '/api/v2/tailnet/:t/devices' },
    summary: 'List machines; any field of a machine may be given as a query',
    params: inTailnet,
    query: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
    result: z.object({ devices: z.array(device) }),
    run: async (asked, { params, query }) => {
      checkTailnet(asked, params.t);
      const { fields: wanted, ...rest } = query;
      const filters = Object.entries(rest).map(([name, value]) => [name, [value].flat()] as const);
      const all = [...asked.deps.network.nodes()].map((view) =>
        deviceJson(asked.deps, view, wanted === 'all'),
      );
      return { devices: all.filter((one) => matches(one, filters)) };
    },
  }),
  endpoint({
    ...{ ...reading, path: '/api/v2/device/:id', params: withId, query: fields, result: device },
    summary: 'Show a machine',
    run: async (asked, { params, query }) =>
      deviceJson(asked.deps, deviceOf(asked, params.id), query.fields === 'all'),
  }),
  endpoint({
    ...{ ...writing, method: 'DELETE', path: '/api/v2/device/:id' },
    summary: 'Remove a machine from the network',
    run: async (asked, { params }) => {
      await asked.call('nodes.delete', nodeArg(deviceOf(asked, params.id)));
      return {};
    },
  }),
  endpoint({
    ...{ ...writing, path: '/api/v2/device/:id/name', body: z.object({ name: z.string().max(253) }) },
    summary: 'Rename a machine; an empty name lets it follow its host name again',
    run: async (asked, { params, body }) => {
      const node = nodeArg(deviceOf(asked, params.id));
      // Clients may write the full name.
      const suffix = `.${asked.deps.baseDomain}`;
      const newName = body.name.endsWith(suffix) ? body.name.slice(0, -suffix.length) : body.name;
      await asked.call('nodes.rename', { ...node, newName });
      return {};
    },
  }),
  endpoint({
    ...{ ...writing, path: '/api/v2/device/:id/expire' },
    summary: 'End the key of a machine: it must sign in again',
    run: async (asked, { params }) => {
      await asked.call('nodes.expire', nodeArg(deviceOf(asked, params.id)));
      return {};
    },
  }),
  endpoint({
    ...{ ...writing, path: '/api/v2/device/:id/authorized', body: z.object({ authorized: z.boolean() }) },
    summary: 'Let a machine in that waits, or make it wait again',
    run: async (asked, { params, body }) => {
      await asked.call('nodes.authorize', {
        ...nodeArg(deviceOf(asked, params.id)),
        authorized: body.authorized,
      });
      return {};
    },
  }),
  endpoint({
    ...{ ...writing, path: '/api/v2/device/:id/tags', body: z.object({ tags: tags.nullable() }) },
    summary: 'Give a machine to tags; without any it stays whose it is',
    run: async (asked, { params, body }) => {
      const node = nodeArg(deviceOf(asked, params.id));
      // What tools send when they let go of a machine: nobody would own it then.
      if ((body.tags ?? []).length > 0) await asked.call('nodes.tag', { ...node, tags: body.tags ?? [] });
      return {};
    },
  }),
  endpoint({
    ...{ ...writing, path: '/api/v2/device/:id/key', body: z.object({ keyExpiryDisabled: z.boolean() }) },
    summary: 'Say whether the key of a machine ends',
    run: async (asked, { params, body }) => {
      const view = deviceOf(asked, params.id);
      if (view.record.keyExpiryDisabled !== body.keyExpiryDisabled)
        await asked.call('nodes.key-expiry', { ...nodeArg(view), disabled: body.keyExpiryDisabled });
      return {};
    },
  }),
  endpoint({
    ...{ ...writing, path: '/api/v2/device/:id/ip', body: z.object({ ipv4: z.string().max(45) }) },
    summary: 'Give a machine another address',
    run: async (asked, { params, body }) => {
      const view = deviceOf(asked, params.id);
      if (view.record.ipv4 !== body.ipv4)
        await asked.call('nodes.set-ip', { ...nodeArg(view), ipv4: body.ipv4 });
      return {};
    },
  }),
  endpoint({
    ...{ ...reading, need: 'devices:routes:read', path: '/api/v2/device/:id/routes' },
    summary: 'Show the routes that a machine announces, and those it may carry',
    params: withId,
    result: routes,
    run: async (asked, { params }) => routesOf(deviceOf(asked, params.id)),
  }),
  endpoint({
    ...{ ...writing, need: 'devices:routes', path: '/api/v2/device/:id/routes', result: routes },
    summary: 'Set the routes that a machine may carry, whether it announces them yet or not',
    body: z.object({ routes: z.array(z.string().max(64)).max(1_024).nullable() }),
    run: async (asked, { params, body }) => {
      const view = deviceOf(asked, params.id);
      await asked.call('routes.approve', { ...nodeArg(view), routes: body.routes ?? [] });
      return routesOf(deviceOf(asked, params.id));
    },
  }),
];
