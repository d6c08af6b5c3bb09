/** `rhumb whois`: the machine and user behind an address. */
import { RhumbError } from '#shared/errors.ts';
import { goJson } from '../print/go-json.ts';
import { renderWhoIs } from '../print/whois.ts';
import type { Command } from './spec.ts';

export const whoisCommand: Command = {
  name: 'whois',
  about: 'Show the machine and user behind an address',
  usage: '<ip[:port]>',
  maxArgs: 1,
  flags: [
    { name: 'json', kind: 'bool', about: 'print JSON' },
    { name: 'proto', kind: 'text', value: 'tcp|udp', about: 'protocol of the port; both unless given' },
  ],
  run: async (context, { flags, args }) => {
    const [addr] = args;
    if (addr === undefined) throw new RhumbError('bad-argument', 'missing argument, expected one peer');
    const proto = flags.text('proto');
    if (!['', 'tcp', 'udp'].includes(proto))
      throw new RhumbError('bad-argument', `invalid --proto ${JSON.stringify(proto)}: want tcp or udp`);
    try {
      if (flags.bool('json'))
        context.out(`${goJson(await context.api.whoIsJson(addr, proto, context.signal), '  ')}\n`);
      else context.out(renderWhoIs(await context.api.whoIs(addr, proto, context.signal)));
    } catch (error) {
      if (error instanceof RhumbError && error.code === 'not-found')
        throw new RhumbError('not-found', 'peer not found', { cause: error });
      throw error;
    }
    return 0;
  },
};
