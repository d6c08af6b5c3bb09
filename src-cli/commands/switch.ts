/** `rhumb switch`: the accounts of this machine, and changing between them (localapi-and-daemon.md §4.4). */
import { RhumbError } from '#shared/errors.ts';
import type { LoginProfile } from '#shared/localapi/user.ts';
import { goJson } from '../print/go-json.ts';
import { notRunning } from '../print/status.ts';
import { cell, elastic } from '../print/table.ts';
import type { Context } from './context.ts';
import type { Action } from './spec.ts';

const PAUSE_MS = 100;
/** A daemon that starts takes seconds; one that can't tells so by its state. */
const PATIENCE_MS = 60_000;

interface Profiles {
  readonly current: LoginProfile;
  readonly all: readonly LoginProfile[];
}

async function profilesOf({ api, signal }: Context): Promise<Profiles> {
  const current = await api.currentProfile(signal);
  return { current, all: await api.profiles(signal) };
}

/** The name shown for the network of a profile. */
export const tailnetOf = ({ NetworkProfile }: LoginProfile): string =>
  NetworkProfile.DisplayName || NetworkProfile.DomainName;

/** `rhumb switch`. */
export const switchAccount: Action = async (context, { flags, args }) => {
  if (flags.bool('list')) {
    context.out(
      flags.bool('json') ? listJson(await profilesOf(context)) : listText(await profilesOf(context)),
    );
    return 0;
  }
  if (flags.bool('json')) throw new RhumbError('bad-argument', '--json can only be used with --list');
  const [name] = args;
  if (name === undefined) throw new RhumbError('bad-argument', 'usage: rhumb switch <account>');
  const { current, all } = await profilesOf(context);
  const id = match(name, all);
  if (id === current.ID) {
    context.out(`Already on account ${JSON.stringify(name)}\n`);
    return 0;
  }
  await context.api.switchProfile(id, context.signal);
  context.out(`Switching to account ${JSON.stringify(name)}\n`);
  return await settle(context);
};

/** `rhumb switch remove`. */
export const removeAccount: Action = async (context, { args }) => {
  const [name] = args;
  if (name === undefined) throw new RhumbError('bad-argument', 'usage: rhumb switch remove <account>');
  const { current, all } = await profilesOf(context);
  const id = match(name, all);
  if (id === current.ID) {
    context.out(`Already on account ${JSON.stringify(name)}\n`);
    return 0;
  }
  await context.api.deleteProfile(id, context.signal);
  return 0;
};

/** By id, then by network, then by account, then by the display name of the network. */
export function match(name: string, all: readonly LoginProfile[]): string {
  const ways: readonly ((profile: LoginProfile) => string)[] = [
    ({ ID }) => ID,
    ({ NetworkProfile }) => NetworkProfile.DomainName,
    ({ Name }) => Name,
    ({ NetworkProfile }) => NetworkProfile.DisplayName,
  ];
  for (const way of ways) {
    const found = all.find((profile) => way(profile) === name);
    if (found !== undefined) return found.ID;
  }
  throw new RhumbError('not-found', `No profile named ${JSON.stringify(name)}`);
}

/** Follows the daemon until the new account runs, or is known not to. */
async function settle(context: Context): Promise<number> {
  const until = context.clock.monotonic() + PATIENCE_MS;
  while (context.clock.monotonic() < until) {
    const status = await context.api.status({ peers: false }, context.signal);
    switch (status.BackendState) {
      case 'NoState':
      case 'Starting':
        await context.clock.sleep(PAUSE_MS, context.signal);
        continue;
      case 'Running':
        context.out('Success.\n');
        return 0;
      case 'NeedsLogin':
        context.out('Logged out.\nTo log in, run:\n  rhumb up\n');
        return 0;
      default:
        context.out(`${notRunning(status) ?? ''}\n`);
        return 1;
    }
  }
  throw new RhumbError('timeout', 'timed out waiting for the switch to complete; see rhumb status');
}

function listText({ current, all }: Profiles): string {
  const rows = all.map(
    (profile) =>
      `${profile.ID}\t${cell(tailnetOf(profile))}\t${cell(profile.Name)}${profile.ID === current.ID ? '*' : ''}\n`,
  );
  return elastic(`ID\tTailnet\tAccount\n${rows.join('')}`, { minWidth: 2, padding: 2 });
}

function listJson({ current, all }: Profiles): string {
  const json = all.map((profile) => ({
    id: profile.ID,
    nickname: profile.Name,
    tailnet: tailnetOf(profile),
    account: profile.UserProfile.LoginName,
    selected: profile.ID === current.ID,
  }));
  return `${goJson(json, '  ')}\n`;
}
