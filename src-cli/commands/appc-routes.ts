/** `rhumb appc-routes`: what this app connector has learned. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { goJson } from '../print/go-json.ts';
import type { Action } from './spec.ts';

const routeInfo = z.looseObject({
  Control: z.array(z.string()).nullish(),
  Domains: z.record(z.string(), z.array(z.string()).nullable()).nullish(),
});

/** `rhumb appc-routes`. */
export const appcRoutes: Action = async (context, { flags }) => {
  const prefs = await context.api.prefs(context.signal);
  if (!prefs.AppConnector.Advertise) {
    context.out('not a connector\n');
    return 0;
  }
  if (flags.bool('n')) {
    context.out(`${prefs.AdvertiseRoutes?.length ?? 0}\n`);
    return 0;
  }
  const parsed = routeInfo.safeParse(await context.api.get('appc-route-info', context.signal));
  if (!parsed.success)
    throw new RhumbError('protocol', "appc-route-info: the daemon's reply is malformed", {
      cause: parsed.error,
    });
  const { Domains = {}, Control } = parsed.data;
  if (flags.bool('map')) context.out(`${JSON.stringify(Domains ?? {})}\n`);
  else if (flags.bool('all'))
    context.out(
      `Learned Routes\n==============\n${goJson(Domains, '  ', ' ')}\n\n` +
        `Routes from Policy\n==================\n${goJson(Control, '  ', ' ')}\n\n`,
    );
  else context.out(summary(Domains ?? {}));
  return 0;
};

/** How many routes each domain has, most first. */
export function summary(domains: Readonly<Record<string, readonly string[] | null>>): string {
  const counts = Object.entries(domains).map(([domain, routes]) => ({ domain, count: routes?.length ?? 0 }));
  const widest = Math.max(0, ...counts.map(({ domain }) => domain.length));
  return counts
    .sort((a, b) => b.count - a.count || (a.domain < b.domain ? -1 : 1))
    .map(({ domain, count }) => `${domain.padEnd(widest)} ${count}\n`)
    .join('');
}
