/** `rhumb bugreport`: marks in the daemon's log, to find a fault by. */
import { once } from 'node:events';
import type { Context } from './context.ts';
import type { Action, FlagValues } from './spec.ts';

/** `rhumb bugreport`. */
export const bugreport: Action = async (context, { flags, args }) => {
  const [note = ''] = args;
  if (!flags.bool('record')) {
    context.out(`${await mark(context, flags, note)}\n`);
    return 0;
  }
  context.out(`${await mark(context, flags, note)}\n`);
  context.out('Recording started; please reproduce your issue and then press Enter...\n');
  await once(context.stdin, 'data', { signal: context.signal });
  context.stdin.destroy();
  context.out(`${await mark(context, flags, note)}\n`);
  context.out('Please provide both bugreport markers above where you report the fault.\n');
  return 0;
};

async function mark({ api, signal }: Context, flags: FlagValues, note: string): Promise<string> {
  const query = new URLSearchParams({ ...(note !== '' && { note }) });
  if (flags.bool('diagnose')) query.set('diagnose', 'true');
  return (await api.text('POST', `bugreport?${query}`, 200, signal)).trim();
}
