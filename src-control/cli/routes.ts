/** `routes …` and the routes of one machine: what is announced, what is allowed, who carries it. */
import type { Command } from 'commander';
import { RhumbError } from '#shared/errors.ts';
import type { Admin } from '../admin/calls.ts';
import type { NodeJson } from '../admin/node-json.ts';
import type { RouteJson } from '../admin/routes.ts';
import { against, group, leaf } from './command.ts';
import { type Io, show } from './context.ts';
import { listOf, nodeCommand } from './node-commands.ts';
import { table, yesNo } from './print.ts';

interface RouteOptions {
  readonly identifier?: string;
  readonly routes?: string[];
  readonly add?: string[];
  readonly remove?: string[];
  readonly priority?: string;
}

async function approve(admin: Admin, node: string, { routes, add, remove }: RouteOptions): Promise<NodeJson> {
  if (routes !== undefined && (add !== undefined || remove !== undefined))
    throw new RhumbError('bad-argument', '--routes is the whole list: it goes without --add and --remove');
  if (routes === undefined && add === undefined && remove === undefined)
    throw new RhumbError('bad-argument', 'say which: --routes for the whole list, or --add and --remove');
  if (routes !== undefined) return admin.call('routes.approve', { node, routes });
  return admin.call('routes.approve', { node, add: add ?? [], remove: remove ?? [] });
}

const routesSaid = (node: NodeJson): string =>
  `node ${node.id} (${node.given_name}) may route ${node.approved_routes.join(', ') || 'nothing'}`;

/** `nodes list-routes|approve-routes`, as Headscale has them. */
export function nodeRouteCommands(io: Io): readonly Command[] {
  const list = leaf('list-routes', 'show the routes of all machines, or of one')
    .alias('routes')
    .argument('[node]', 'its id or name')
    .option('-i, --identifier <id>', 'the node, as in Headscale')
    .action(async (position: string | undefined, { identifier }: { identifier?: string }) =>
      listRoutes(io, list, position ?? identifier),
    );
  const approveRoutes = nodeCommand<RouteOptions>(
    io,
    leaf('approve-routes', 'allow a machine to route prefixes; 0.0.0.0/0 makes it an exit node')
      .option('-r, --routes <routes>', 'the whole list, announced or not yet; "" = none', listOf)
      .option('--add <routes>', 'these as well', listOf)
      .option('--remove <routes>', 'these no longer', listOf),
    approve,
    routesSaid,
  );
  return [list, approveRoutes];
}

const listRoutes = (io: Io, command: Command, node: string | undefined): Promise<void> =>
  against(io, command, async (admin, { format }) => {
    const rows = await admin.call('routes.list', node === undefined ? {} : { node });
    show(io, format, rows, () => routesTable(rows));
  });

export function routesCommand(io: Io): Command {
  const list = leaf('list', 'show every prefix with its routers, who carries it and who answers')
    .alias('ls')
    .argument('[node]', 'only those of this machine')
    .action(async (node: string | undefined) => listRoutes(io, list, node));
  const priority = nodeCommand<RouteOptions>(
    io,
    leaf('priority', 'say which router goes first where several have the same prefix').requiredOption(
      '-p, --priority <number>',
      'lower goes first; none = after all that have one',
    ),
    (admin, node, options) =>
      admin.call('routes.priority', { node, priority: priorityOf(options.priority ?? '') }),
    (node) => `node ${node.id} (${node.given_name}) has the priority ${node.route_priority ?? 'none'}`,
  );
  const site = leaf('via-site', 'the IPv6 prefix under which one of several sites offers an IPv4 range')
    .argument('<site>', 'a number from 0 to 65535')
    .argument('<prefix>', 'such as 10.1.0.0/16')
    .action(async (number: string, prefix: string) =>
      against(io, site, async (admin, { format }) => {
        const answer = await admin.call('routes.via-site', { site: wholeNumber(number), prefix });
        show(io, format, answer, () => answer.prefix);
      }),
    );
  return group('routes', 'subnet routes and exit nodes')
    .alias('route')
    .addCommand(list)
    .addCommand(priority)
    .addCommand(site);
}

const priorityOf = (text: string): number | null => (text === 'none' ? null : wholeNumber(text));

function wholeNumber(text: string): number {
  if (!/^\d{1,5}$/.test(text))
    throw new RhumbError('bad-argument', `"${text}" is not a number from 0 to 65535`);
  return Number(text);
}

const routesTable = (rows: readonly RouteJson[]): string =>
  table(
    ['Prefix', 'ID', 'Name', 'Announced', 'Approved', 'Carries it', 'Connected', 'Answers', 'Priority'],
    rows.map((row) => [
      row.prefix,
      String(row.node),
      row.name,
      yesNo(row.announced),
      yesNo(row.approved),
      row.exit ? 'exit' : yesNo(row.primary),
      row.online ? 'online' : 'offline',
      row.healthy === null ? '-' : yesNo(row.healthy),
      row.priority === null ? '-' : String(row.priority),
    ]),
  );
