/** `rhumb debug`: what the daemon knows or would do, raw, for those who look for a fault. */
import { RhumbError } from '#shared/errors.ts';
import { goJson } from '../print/go-json.ts';
import type { Context } from './context.ts';
import { fetchRelayMap } from './derp-map.ts';
import { debugPortmap } from './portmap.ts';
import type { Command } from './spec.ts';

const SUBJECTS: Readonly<Record<string, (context: Context) => Promise<number>>> = {
  'derp-map': async (context) => {
    context.out(`${goJson(await fetchRelayMap(context), '\t')}\n`);
    return 0;
  },
  portmap: (context) => debugPortmap(context),
};

const names = Object.keys(SUBJECTS).join(', ');

export const debugCommand: Command = {
  name: 'debug',
  about: 'Print what the daemon knows, for finding faults',
  usage: '<subject>',
  maxArgs: 1,
  details:
    'Subjects: derp-map, the relays that the coordination server told of, as JSON; portmap, asks the router for a UDP ' +
    'port, step by step, and gives it back.',
  flags: [],
  run: async (context, { args }) => {
    const [subject = ''] = args;
    const print = Object.hasOwn(SUBJECTS, subject) ? SUBJECTS[subject] : undefined;
    if (print === undefined)
      throw new RhumbError('bad-argument', `usage: rhumb debug <subject>, with one of: ${names}`);
    return await print(context);
  },
};
