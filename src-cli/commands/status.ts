/** `rhumb status`: the machines of the network and how they are reached. */
import { goJson } from '../print/go-json.ts';
import type { Context } from './context.ts';
import type { Action, FlagValues } from './spec.ts';

/** `rhumb status`. What reads the status by its schema is loaded only for the text: programs ask for JSON, and often. */
export const status: Action = async (context, { flags }) => {
  if (flags.bool('web')) {
    const { serveStatus } = await import('./status-web.ts');
    return await serveStatus(context, flags);
  }
  const json = context.api.statusJson({ peers: flags.bool('peers') }, context.signal);
  if (flags.bool('json')) return printJson(context, await json, flags);
  const [{ printStatus }, read] = await Promise.all([import('./status-text.ts'), json]);
  return await printStatus(context, read, flags);
};

/** The daemon's own JSON, so that nothing is lost; no newline at the end, as other tools have it. */
function printJson(context: Context, json: unknown, values: FlagValues): number {
  context.out(goJson(values.bool('active') ? withoutIdle(json) : json, '  '));
  return 0;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function withoutIdle(json: unknown): unknown {
  if (!isObject(json) || !('Peer' in json) || !isObject(json.Peer)) return json;
  const isActive = ([, peer]: [string, unknown]): boolean =>
    isObject(peer) && 'Active' in peer && peer.Active === true;
  return { ...json, Peer: Object.fromEntries(Object.entries(json.Peer).filter(isActive)) };
}
