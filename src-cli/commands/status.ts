/** `rhumb status`: the machines of the network and how they are reached. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { status as statusSchema } from '#shared/localapi/status.ts';
import { type FunnelConfig, renderFunnelError, renderFunnels } from '../print/funnel.ts';
import { goJson } from '../print/go-json.ts';
import { notRunning, renderNotRunning, renderStatus } from '../print/status.ts';
import type { Context } from './context.ts';
import type { Action, FlagValues } from './spec.ts';

/** `rhumb status`. */
export const status: Action = async (context, input) => {
  if (input.flags.bool('web')) {
    const { serveStatus } = await import('./status-web.ts');
    return await serveStatus(context, input.flags);
  }
  const json = await context.api.statusJson({ peers: input.flags.bool('peers') }, context.signal);
  return input.flags.bool('json')
    ? printJson(context, json, input.flags)
    : await printText(context, json, input.flags);
};

const activity = z.object({ Peer: z.record(z.string(), z.object({ Active: z.boolean().optional() })) });

/** The daemon's own JSON, so that nothing is lost; no newline at the end, as other tools have it. */
function printJson(context: Context, json: unknown, values: FlagValues): number {
  context.out(goJson(values.bool('active') ? withoutIdle(json) : json, '  '));
  return 0;
}

function withoutIdle(json: unknown): unknown {
  const parsed = activity.safeParse(json);
  if (!parsed.success || typeof json !== 'object' || json === null || !('Peer' in json)) return json;
  const isActive = ([key]: [string, unknown]): boolean => parsed.data.Peer[key]?.Active === true;
  return { ...json, Peer: Object.fromEntries(Object.entries(json.Peer ?? {}).filter(isActive)) };
}

async function printText(context: Context, json: unknown, values: FlagValues): Promise<number> {
  const parsed = statusSchema.safeParse(json);
  if (!parsed.success)
    throw new RhumbError('protocol', "the daemon's status is malformed", { cause: parsed.error });
  const status = parsed.data;
  const why = notRunning(status);
  if (why !== undefined) {
    context.out(renderNotRunning(status, why));
    return 1;
  }
  const view = {
    self: values.bool('self'),
    peers: values.bool('peers'),
    active: values.bool('active'),
    header: values.bool('header'),
  };
  context.out(renderStatus(status, view, context.clock.now()));
  context.out(await funnels(context));
  return 0;
}

const serveConfig = z
  .looseObject({
    AllowFunnel: z.record(z.string(), z.boolean()).nullish(),
    TCP: z.record(z.string(), z.looseObject({ TCPForward: z.string().optional() }).nullable()).nullish(),
  })
  .nullable();

export function readFunnels(json: unknown): FunnelConfig {
  const config = serveConfig.parse(json);
  const tcp = Object.entries(config?.TCP ?? {}).filter(([, handler]) => (handler?.TCPForward ?? '') !== '');
  return { funnels: config?.AllowFunnel ?? {}, tcpPorts: new Set(tcp.map(([port]) => port)) };
}

/** The table is what was asked for: trouble with the funnels is told below it and changes nothing else. */
async function funnels(context: Context): Promise<string> {
  try {
    return renderFunnels(readFunnels(await context.api.get('serve-config', context.signal)));
  } catch (error) {
    context.signal.throwIfAborted();
    // A daemon without the endpoint has no funnels.
    if (error instanceof RhumbError && error.code === 'not-found') return '';
    return renderFunnelError(error instanceof Error ? error.message : String(error));
  }
}
