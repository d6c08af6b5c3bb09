/** `rhumb up` and `rhumb login`: connect, logging in if needed (localapi-and-daemon.md §4.2, §13.1). */
import { RhumbError } from '#shared/errors.ts';
import type { Prefs } from '#shared/localapi/prefs.ts';
import type { Status } from '#shared/localapi/status.ts';
import { type Context, withTimeout } from './context.ts';
import { confirmLosingSsh, confirmMacConnector } from './risk.ts';
import type { Action, FlagValues, Input } from './spec.ts';
import { prefsFromFlags } from './up-prefs.ts';
import { planUp, type UpPlan } from './up-rule.ts';
import { type Waiting, waitUntilUp } from './up-wait.ts';
import { upWarnings, warnAboutRoutes } from './warnings.ts';

/** `rhumb up`. */
export const up: Action = (context, input) => runUp(context, input, 'up');

/** `rhumb login`: the server of the new profile is that of the one before, unless another is named. */
export const login: Action = async (context, input) => {
  const before = await context.api.prefs(context.signal);
  await context.api.newProfile(context.signal);
  return await runUp(context, input, 'login', before.ControlURL);
};

async function runUp(
  context: Context,
  { flags }: Input,
  command: 'up' | 'login',
  lastServer = '',
): Promise<number> {
  refuseWorkloadIdentity(flags);
  const authKey = await readAuthKey(context, flags.text('auth-key'));
  const status = await context.api.status({ peers: true }, context.signal);
  const { prefs: fromFlags, warnings } = prefsFromFlags(flags, status);
  for (const warning of warnings) context.out(`Warning: ${warning}\n`);
  await warnAboutRoutes(context, fromFlags);
  const current = await context.api.prefs(context.signal);
  const wanted: Prefs = {
    ...fromFlags,
    ProfileName: command === 'up' ? current.ProfileName : fromFlags.ProfileName,
  };
  const plan = planUp({
    flags,
    wanted,
    current: { ...current, ControlURL: current.ControlURL || lastServer },
    status,
    platform: context.platform,
    user: context.env['USER'] ?? '',
    command: `rhumb ${command}`,
  });
  await carryOut(context, flags, { plan, status, current, authKey });
  context.out(await upWarnings(context));
  return 0;
}

interface Situation {
  readonly plan: UpPlan;
  readonly status: Status;
  readonly current: Prefs;
  readonly authKey: string;
}

async function carryOut(context: Context, flags: FlagValues, situation: Situation): Promise<void> {
  const { plan, current } = situation;
  if (plan.kind === 'refuse') throw new RhumbError('bad-argument', plan.message);
  await confirmRisks(context, flags, plan, current);
  if (plan.kind === 'edit') {
    await context.api.editPrefs(plan.edit, context.signal);
    return;
  }
  const timeoutMs = flags.number('timeout');
  if (timeoutMs <= 0) {
    const onTrouble = (why: string): void => context.err(`can't log in: ${why}; still trying\n`);
    await connect(context, flags, { ...situation, onTrouble }, context.signal);
    return;
  }
  let trouble = '';
  const onTrouble = (why: string): void => {
    trouble = `: ${why}`;
  };
  const done = await withTimeout(context, timeoutMs, async (signal) => {
    await connect(context, flags, { ...situation, onTrouble }, signal);
    return true;
  });
  if (done === undefined)
    throw new RhumbError(
      'timeout',
      `timeout waiting for Rhumb to enter a Running state${trouble}; check health with "rhumb status"`,
    );
}

async function confirmRisks(
  context: Context,
  flags: FlagValues,
  plan: UpPlan,
  current: Prefs,
): Promise<void> {
  const accepted = flags.has('accept-risk') ? flags.text('accept-risk') : '';
  const wishes = plan.kind === 'edit' ? plan.edit : plan.kind === 'start' ? plan.prefs : {};
  if (wishes.AppConnector?.Advertise === true && !current.AppConnector.Advertise)
    await confirmMacConnector(context, accepted);
  const wantsSsh = wishes.RunSSH;
  if (wantsSsh !== undefined && wantsSsh !== current.RunSSH)
    await confirmLosingSsh(
      context,
      accepted,
      'You are connected through Rhumb; this changes who answers SSH and disconnects your session.',
    );
  if (flags.has('force-reauth') && flags.bool('force-reauth'))
    await confirmLosingSsh(
      context,
      accepted,
      'You are connected through Rhumb; a new login may disconnect your session.',
    );
}

async function connect(
  context: Context,
  flags: FlagValues,
  { plan, status, current, authKey, onTrouble }: Situation & Pick<Waiting, 'onTrouble'>,
  signal: AbortSignal,
): Promise<void> {
  const { api } = context;
  // Before start and login: what they cause must not be missed (§13.5, 1).
  await using watch = await api.watch(0, signal);
  const isForced = flags.has('force-reauth') && flags.bool('force-reauth');
  if (plan.kind === 'start') {
    const refusal = await api.checkPrefs(plan.prefs, signal);
    if (refusal !== '') throw new RhumbError('bad-argument', refusal);
    await api.start({ UpdatePrefs: plan.prefs, AuthKey: authKey }, signal);
    if (isForced || !status.HaveNodeKey) await api.loginInteractive(signal);
  } else {
    await api.editPrefs({ WantRunning: true }, signal);
  }
  await waitUntilUp(context, watch, {
    flags,
    status,
    controlUrl: plan.kind === 'start' ? plan.prefs.ControlURL : current.ControlURL,
    waitsForApproval: plan.kind === 'simple' && status.BackendState === 'NeedsMachineAuth',
    onTrouble,
  });
}

const WORKLOAD_FLAGS = ['client-id', 'client-secret', 'id-token', 'audience'] as const;

/** A sign-in that only the official service offers must not be taken for one that worked. */
function refuseWorkloadIdentity(flags: FlagValues): void {
  const given = WORKLOAD_FLAGS.find((name) => flags.text(name) !== '');
  if (given !== undefined)
    throw new RhumbError(
      'bad-argument',
      `--${given}: signing in by workload identity is not there; use --auth-key with a key of your coordination server`,
    );
}

/** The key itself, or the trimmed content of the file that `file:` names. */
async function readAuthKey(context: Context, value: string): Promise<string> {
  if (/^arn:aws[\w-]*:ssm:/.test(value))
    throw new RhumbError(
      'bad-argument',
      '--auth-key: keys are not read from the AWS parameter store; write the key to a file and use file:path',
    );
  if (!value.startsWith('file:')) return value;
  const path = value.slice('file:'.length);
  try {
    return (await context.readFile(path)).trim();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const why = code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'permission denied' : code;
    throw new RhumbError('bad-argument', `--auth-key: can't read ${path}: ${why}`, { cause: error });
  }
}
