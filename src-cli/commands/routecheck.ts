/** `rhumb routecheck`: which routers answer, where several carry the same route. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { goJson } from '../print/go-json.ts';
import { cell, elastic } from '../print/table.ts';
import type { Action } from './spec.ts';

const report = z.looseObject({
  done: z.string(),
  reachable: z
    .array(
      z.looseObject({
        id: z.union([z.number(), z.bigint(), z.string()]).optional(),
        name: z.string(),
        addr: z.string(),
        routes: z.array(z.string()).nullish(),
      }),
    )
    .nullish(),
});
type Report = z.infer<typeof report>;
type Router = Pick<NonNullable<Report['reachable']>[number], 'id' | 'name' | 'addr'>;

const FORMATS: readonly string[] = ['', 'json', 'json-line'];

/** `rhumb routecheck`. */
export const routecheck: Action = async (context, { flags }) => {
  const format = flags.bool('json') ? 'json' : flags.text('format');
  if (!FORMATS.includes(format))
    throw new RhumbError('bad-argument', `unknown output format ${JSON.stringify(format)}`);
  const reply = await context.api.raw(
    { method: 'POST', path: `routecheck?probe=${flags.bool('probe')}`, text: undefined },
    context.signal,
  );
  if (reply.status === 204) throw new RhumbError('unavailable', 'routecheck: report unavailable');
  if (reply.status === 404)
    throw new RhumbError('unavailable', 'routecheck: the daemon does not check routes');
  if (reply.status !== 200)
    throw new RhumbError('unavailable', `routecheck: ${reply.text.trim() || reply.line}`);
  const parsed = parse(reply.text);
  const routes = sharedRoutes(parsed);
  context.out(format === '' ? text(parsed, routes) : json(parsed, routes, format === 'json' ? '\t' : ''));
  return 0;
};

function parse(body: string): Report {
  try {
    return report.parse(JSON.parse(body));
  } catch (error) {
    throw new RhumbError('protocol', "routecheck: the daemon's reply is malformed", { cause: error });
  }
}

/** Only routes that several machines carry: of the others there is no choice. */
export function sharedRoutes({ reachable }: Report): ReadonlyMap<string, readonly Router[]> {
  const found = new Map<string, Router[]>();
  for (const { id, name, addr, routes } of reachable ?? [])
    for (const route of routes ?? []) found.set(route, [...(found.get(route) ?? []), { id, name, addr }]);
  return new Map(
    [...found]
      .filter(([, routers]) => routers.length > 1)
      .map(([route, routers]) => [route, routers.sort((a, b) => (a.name < b.name ? -1 : 1))] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

function json({ done }: Report, routes: ReadonlyMap<string, readonly Router[]>, indent: string): string {
  const value = { done, routes: Object.fromEntries(routes) };
  return `${indent === '' ? JSON.stringify(value) : goJson(value, indent)}\n`;
}

function text({ done }: Report, routes: ReadonlyMap<string, readonly Router[]>): string {
  const rows = [...routes].flatMap(([route, routers]) =>
    routers.map(({ name, addr }) => `\n ${route}\t${addr}\t${cell(name.replace(/\.$/, ''))}`),
  );
  const table = `\n PREFIX\tIP\tHOSTNAME${rows.join('')}\n`;
  return `\nReachable routers at ${done}:\n${elastic(table, { minWidth: 10, padding: 5 })}`;
}
