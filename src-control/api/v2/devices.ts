/** `/tailnet/{t}/devices` and `/device/{id}/…` (coordination-server.md §13.1). */
import { z } from 'zod';
import { empty, endpoint } from '../endpoint.ts';
import { checkTailnet, deviceOf, inTailnet, nodeArg, withId } from './common.ts';
import { type DeviceJson, device, deviceJson } from './device-json.ts';

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
];
