/** Posture attributes of machines: `/device/{id}/attributes` and all at once (coordination-server.md §13.1). */
import { z } from 'zod';
import { formatTime } from '#shared/wire/scalars.ts';
import type { NodeView } from '../../state/network.ts';
import { currentAttributes } from '../../state/ownership.ts';
import { type Asked, empty, endpoint } from '../endpoint.ts';
import { checkTailnet, deviceOf, inTailnet, nodeArg, withId } from './common.ts';

const value = z.union([z.string().max(256), z.number(), z.boolean()]);
const attributes = z
  .object({ attributes: z.record(z.string(), value), expiries: z.record(z.string(), z.string()) })
  .meta({ id: 'DeviceAttributes' });

/** Go writes the time that there is not as year 1, and an empty text for it. */
const expiry = z
  .string()
  .max(40)
  .nullish()
  .transform((text) => (text === undefined || text === null || /^(0001-|$)/.test(text) ? undefined : text));
const given = z.object({ value, expiry, comment: z.string().max(256).nullish() });

/** Those that the server knows by itself are there to be read like the others. */
function attributesOf({ deps }: Asked, { record }: NodeView): z.output<typeof attributes> {
  const now = deps.clock.now();
  const own = currentAttributes(record, now);
  return {
    attributes: {
      'node:os': record.hostinfo.OS ?? '',
      'node:osVersion': record.hostinfo.OSVersion ?? '',
      'node:tsVersion': (record.hostinfo.IPNVersion ?? '').split('-', 1)[0] ?? '',
      ...Object.fromEntries(own.map(([key, one]) => [key, one.value])),
    },
    expiries: Object.fromEntries(
      own.flatMap(([key, { expiresAt }]) => (expiresAt === undefined ? [] : [[key, formatTime(expiresAt)]])),
    ),
  };
}

async function set(asked: Asked, view: NodeView, key: string, to: z.output<typeof given>): Promise<void> {
  await asked.call('nodes.set-attribute', {
    ...{ ...nodeArg(view), key, value: to.value },
    ...(to.expiry === undefined ? {} : { expiry: to.expiry }),
    ...(to.comment ? { comment: to.comment } : {}),
  });
}

const withKey = withId.extend({ key: z.string().max(64) });
const tag = 'Device attributes';

export const attributeEndpoints = [
  endpoint({
    ...{ method: 'GET', path: '/api/v2/device/:id/attributes', need: 'devices:posture_attributes:read', tag },
    summary: 'Show the posture attributes of a machine',
    params: withId,
    result: attributes,
    run: async (asked, { params }) => attributesOf(asked, deviceOf(asked, params.id)),
  }),
  endpoint({
    ...{
      method: 'POST',
      path: '/api/v2/device/:id/attributes/:key',
      need: 'devices:posture_attributes',
      tag,
    },
    summary: 'Set a posture attribute',
    params: withKey,
    body: given,
    result: attributes,
    run: async (asked, { params, body }) => {
      await set(asked, deviceOf(asked, params.id), params.key, body);
      return attributesOf(asked, deviceOf(asked, params.id));
    },
  }),
  endpoint({
    ...{
      method: 'DELETE',
      path: '/api/v2/device/:id/attributes/:key',
      need: 'devices:posture_attributes',
      tag,
    },
    summary: 'Take a posture attribute away',
    params: withKey,
    result: empty,
    run: async (asked, { params }) => {
      const view = deviceOf(asked, params.id);
      await asked.call('nodes.remove-attribute', { ...nodeArg(view), key: params.key });
      return {};
    },
  }),
  endpoint({
    ...{
      method: 'PATCH',
      path: '/api/v2/tailnet/:t/device-attributes',
      need: 'devices:posture_attributes',
      tag,
    },
    summary: 'Set posture attributes of many machines; null takes one away',
    params: inTailnet,
    body: z.object({
      nodes: z.record(z.string().max(32), z.record(z.string().max(64), given.nullable())),
      comment: z.string().max(256).optional(),
    }),
    result: empty,
    run: async (asked, { params, body }) => {
      checkTailnet(asked, params.t);
      // Unknown machines are told before anything is changed.
      const views = Object.entries(body.nodes).map(([id, wanted]) => [deviceOf(asked, id), wanted] as const);
      for (const [view, wanted] of views)
        for (const [key, one] of Object.entries(wanted))
          if (one !== null) await set(asked, view, key, { ...one, comment: one.comment ?? body.comment });
          else if (view.record.attributes[key] !== undefined)
            await asked.call('nodes.remove-attribute', { ...nodeArg(view), key });
      return {};
    },
  }),
];
