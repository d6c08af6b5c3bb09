/** `rhumb status` as text: the table, the health, the funnels. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { status as statusSchema } from '#shared/localapi/status.ts';
import { type FunnelConfig, renderFunnelError, renderFunnels } from '../print/funnel.ts';
import { notRunning, renderNotRunning, renderStatus } from '../print/status.ts';
import type { Context } from './context.ts';
import type { FlagValues } from './spec.ts';

export async function printStatus(context: Context, json: unknown, values: FlagValues): Promise<number> {
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

function readFunnels(json: unknown): FunnelConfig {
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
