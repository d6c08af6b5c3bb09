/** `rhumb get`: settings as they are, under the names of the flags that set them (localapi-and-daemon.md §4.3). */
import { RhumbError } from '#shared/errors.ts';
import type { Prefs } from '#shared/localapi/prefs.ts';
import type { Status } from '#shared/localapi/status.ts';
import { goJson } from '../print/go-json.ts';
import { elastic } from '../print/table.ts';
import { settableFlags } from './pref-flags.ts';
import type { Action } from './spec.ts';
import { exitNodeIp, flagText } from './up-rule.ts';

interface Setting {
  readonly name: string;
  readonly value: string | boolean;
}

const ALL = 'all';

/** `rhumb get`. */
export const get: Action = async (context, { flags, args }) => {
  const prefs = await context.api.prefs(context.signal);
  const status = await context.api.status({ peers: true }, context.signal);
  const [name = ALL] = args;
  // Hidden ones are shown to those who name them.
  const known = settingsOf(prefs, status, context.platform, name !== ALL);
  const settings = name === ALL ? known : known.filter((one) => one.name === name);
  const [first] = settings;
  if (first === undefined)
    throw new RhumbError(
      'bad-argument',
      `unknown setting ${JSON.stringify(name)}; see "rhumb set --help" for valid settings`,
    );
  if (flags.bool('json')) {
    const json = Object.fromEntries(settings.map((one) => [one.name, one.value]));
    context.out(`${goJson(json, '  ')}\n`);
  } else if (flags.bool('set-flags')) {
    context.out(`${settings.map((one) => flagText(one.name, one.value)).join(' ')}\n`);
  } else if (name !== ALL) {
    context.out(`${first.value}\n`);
  } else {
    const rows = settings.map((one) => `${one.name}\t${one.value}\n`);
    context.out(elastic(`NAME\tVALUE\n${rows.join('')}`, { minWidth: 0, padding: 2 }));
  }
  return 0;
};

/** In order of name. */
function settingsOf(prefs: Prefs, status: Status, platform: string, withHidden: boolean): readonly Setting[] {
  const view = { exitNodeIp: exitNodeIp(prefs, status) };
  return settableFlags(platform)
    .filter(({ isHidden }) => withHidden || isHidden !== true)
    .map((flag) => ({
      name: flag.name,
      // `up` has no word for it, but here it is what was set.
      value:
        flag.name === 'exit-node' && prefs.AutoExitNode !== ''
          ? `auto:${prefs.AutoExitNode}`
          : flag.read(prefs, view),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
