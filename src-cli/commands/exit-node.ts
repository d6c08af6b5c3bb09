/** `rhumb exit-node`: the machines that can be the exit to the internet (localapi-and-daemon.md §4.9). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { PeerStatus } from '#shared/localapi/status.ts';
import { lastSeen } from '../print/names.ts';
import { shellQuote } from '../print/shell.ts';
import { cell, elastic } from '../print/table.ts';
import type { Context } from './context.ts';
import { type Country, groupExitNodes } from './exit-node-groups.ts';
import type { Action } from './spec.ts';

const SUGGESTABLE = 'suggest-exit-node';

/** `rhumb exit-node list`. */
export const exitNodeList: Action = async (context, { flags }) => {
  const status = await context.api.status({ peers: true }, context.signal);
  const peers = Object.values(status.Peer ?? {}).filter(({ ExitNodeOption }) => ExitNodeOption);
  if (peers.length === 0) throw new RhumbError('not-found', 'no exit nodes found');
  const filter = flags.text('filter');
  const countries = groupExitNodes(peers, filter);
  if (countries.length === 0)
    throw new RhumbError('not-found', `no exit nodes found for ${JSON.stringify(filter)}`);
  const isSuggestable = peers.some(
    ({ CapMap }) => CapMap !== undefined && Object.hasOwn(CapMap, SUGGESTABLE),
  );
  context.out(render(countries, context.clock.now()) + hints(isSuggestable));
  return 0;
};

function render(countries: readonly Country[], now: number): string {
  const rows = countries.flatMap((country) =>
    country.cities.flatMap((city) =>
      city.peers.map((peer) =>
        [
          peer.TailscaleIPs?.[0] ?? '',
          peer.DNSName.replace(/\.$/, ''),
          country.name || '-',
          city.name || '-',
          exitStatus(peer, now),
        ]
          .map((text) => `${cell(text)}\t`)
          .join(''),
      ),
    ),
  );
  const table = ['', ' IP\tHOSTNAME\tCOUNTRY\tCITY\tSTATUS\t', ...rows.map((row) => ` ${row}`), '', ''];
  return elastic(table.join('\n'), { minWidth: 10, padding: 5 });
}

const hints = (isSuggestable: boolean): string =>
  [
    '# To view the complete list of exit nodes for a country, use `rhumb exit-node list --filter=` followed by the country name.',
    '# To use an exit node, use `rhumb set --exit-node=` followed by the IP or hostname.',
    ...(isSuggestable ? ['# To have Rhumb suggest an exit node, use `rhumb exit-node suggest`.'] : []),
    '',
  ].join('\n');

function exitStatus(peer: PeerStatus, now: number): string {
  const seen = lastSeen(peer.LastSeen, now);
  if (!peer.Active && peer.ExitNode) return `selected but offline${seen}`;
  if (!peer.Active && !peer.Online) return `offline${seen}`;
  return peer.ExitNode ? 'selected' : '-';
}

const suggestion = z.looseObject({ ID: z.string(), Name: z.string() });

/** `rhumb exit-node suggest`. */
export const exitNodeSuggest: Action = async (context, { flags }) => {
  const json = await askSuggestion(context, flags.bool('force-probe')).catch((error: unknown) => {
    if (!(error instanceof RhumbError)) throw error;
    throw new RhumbError(error.code, `suggest exit node: ${error.message}`, { cause: error });
  });
  const parsed = suggestion.safeParse(json);
  if (!parsed.success)
    throw new RhumbError('protocol', "suggest-exit-node: the daemon's reply is malformed", {
      cause: parsed.error,
    });
  const { ID, Name } = parsed.data;
  context.out(
    ID === ''
      ? 'No exit node suggestion is available.\n'
      : `Suggested exit node: ${Name}\nTo accept this suggestion, use \`rhumb set --exit-node=${shellQuote(Name)}\`.\n`,
  );
  return 0;
};

const askSuggestion = ({ api, signal }: Context, isProbing: boolean): Promise<unknown> =>
  isProbing
    ? api.post('suggest-exit-node?probe=true', undefined, signal)
    : api.get('suggest-exit-node', signal);

const use =
  (enabled: boolean): Action =>
  async ({ api, signal }) => {
    await api.post(`set-use-exit-node-enabled?enabled=${enabled}`, undefined, signal);
    return 0;
  };

/** `rhumb exit-node connect`. */
export const exitNodeConnect: Action = use(true);
/** `rhumb exit-node disconnect`. */
export const exitNodeDisconnect: Action = use(false);
