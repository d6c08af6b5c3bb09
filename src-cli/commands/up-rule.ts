/** What `up` is to do with the flags it got: the rule about mentioning all settings (localapi-and-daemon.md §4.2). */
import type { Prefs, PrefsEdit } from '#shared/localapi/prefs.ts';
import type { Status } from '#shared/localapi/status.ts';
import { formatDuration } from '../print/duration.ts';
import { shellQuote } from '../print/shell.ts';
import { isOfficialServer } from './official-server.ts';
import { type FlagView, type PrefFlag, prefFlags } from './pref-flags.ts';
import type { FlagValues } from './spec.ts';

export interface UpQuestion {
  readonly flags: FlagValues;
  /** What the flags say, defaults included. */
  readonly wanted: Prefs;
  readonly current: Prefs;
  readonly status: Status;
  readonly platform: string;
  /** `$USER`. */
  readonly user: string;
  /** The command to suggest: `rhumb up`. */
  readonly command: string;
}

export type UpPlan =
  | { readonly kind: 'refuse'; readonly message: string }
  /** Only WantRunning changes. */
  | { readonly kind: 'simple' }
  /** Running already, and nothing needs a new login. */
  | { readonly kind: 'edit'; readonly edit: PrefsEdit }
  | { readonly kind: 'start'; readonly prefs: Prefs };

export const NO_SERVER =
  'no coordination server is set: name yours once with --login-server, for example\n\n' +
  '\trhumb up --login-server=https://control.example.com\n\n' +
  '(Tailscale’s own is https://controlplane.tailscale.com)';

/** Pure: from the flags, the current preferences and the state to what is to be done. */
export function planUp(question: UpQuestion): UpPlan {
  const { flags, current, status } = question;
  const wanted = withImplicit(question);
  if (wanted.ControlURL === '') return { kind: 'refuse', message: NO_SERVER };
  const isReset = flags.has('reset') && flags.bool('reset');
  // A profile that was never used has no settings to lose.
  const hasSettings = current.ControlURL !== '';
  const isSimple =
    !isReset &&
    hasSettings &&
    flags.given.size === 0 &&
    (current.Config?.UserProfile.LoginName ?? '') !== '' &&
    status.BackendState !== 'NeedsLogin';
  if (!isReset && hasSettings && !isSimple) {
    const missing = missingFlags(question, wanted);
    if (missing.length > 0) return { kind: 'refuse', message: mentionAll(question, missing) };
  }
  const isRunning = status.BackendState === 'Running';
  const isForced = flags.has('force-reauth') && flags.bool('force-reauth');
  const movesServer = !isSameServer(current.ControlURL, wanted.ControlURL);
  if (movesServer && isRunning && !isForced)
    return { kind: 'refuse', message: "can't change --login-server without --force-reauth" };
  // Without flags nothing is wanted but to run; that the defaults differ from the settings means nothing then.
  const needsLogin =
    !isSimple && (isForced || flags.text('auth-key') !== '' || movesServer || tagsDiffer(current, wanted));
  if (isRunning && !needsLogin)
    return { kind: 'edit', edit: { ...editOf(question, wanted, isReset), WantRunning: true } };
  return isSimple ? { kind: 'simple' } : { kind: 'start', prefs: wanted };
}

/**
 * What holds without being mentioned: the server stays the one in use (there is no other to fall back to), and so does
 * an operator who runs this very command.
 */
function withImplicit({ flags, wanted, current, user }: UpQuestion): Prefs {
  const keepsOperator =
    wanted.OperatorUser === '' && current.OperatorUser === user && !flags.given.has('operator');
  return {
    ...wanted,
    ControlURL: flags.given.has('login-server') ? wanted.ControlURL : current.ControlURL,
    OperatorUser: keepsOperator ? current.OperatorUser : wanted.OperatorUser,
  };
}

const isSameServer = (a: string, b: string): boolean =>
  a === b || (isOfficialServer(a) && isOfficialServer(b));

const tagsDiffer = (a: Prefs, b: Prefs): boolean =>
  (a.AdvertiseTags ?? []).join() !== (b.AdvertiseTags ?? []).join();

/** The fields of the flags that were given; with --reset, of all. */
function editOf({ flags, platform }: UpQuestion, wanted: Prefs, isReset: boolean): PrefsEdit {
  const mentioned = prefFlags(platform).filter((flag) => isReset || flags.given.has(flag.name));
  return Object.assign({}, ...mentioned.map((flag) => flag.pick(wanted))) as PrefsEdit;
}

/** The address of the exit node that the current preferences name by id. */
export function exitNodeIp(prefs: Prefs, status: Status): string {
  if (prefs.ExitNodeID === '') return '';
  const peer = Object.values(status.Peer ?? {}).find((one) => one.ID === prefs.ExitNodeID);
  return peer?.TailscaleIPs?.[0] ?? '';
}

/** Settings that would change although nobody mentioned them, as flags that keep them. */
function missingFlags({ flags, current, status, platform }: UpQuestion, wanted: Prefs): readonly string[] {
  const view: FlagView = { exitNodeIp: exitNodeIp(current, status) };
  const wantedView: FlagView = { exitNodeIp: wanted.ExitNodeID === '' ? '' : view.exitNodeIp };
  const isMissing = (flag: PrefFlag): boolean => {
    if (flags.given.has(flag.name) || flag.name === 'login-server') return false;
    const [is, willBe] = [flag.read(current, view), flag.read(wanted, wantedView)];
    // It was on by default for a while (1.66), and nobody chose it.
    if (flag.name === 'stateful-filtering' && is === true && willBe === false) return false;
    return is !== willBe;
  };
  return prefFlags(platform)
    .filter(isMissing)
    .map((flag) => flagText(flag.name, flag.read(current, view)))
    .sort();
}

/** A flag that brings about a value. */
export function flagText(name: string, value: string | number | boolean): string {
  if (value === true) return `--${name}`;
  return value === '' ? `--${name}=` : `--${name}=${shellQuote(String(value))}`;
}

/** A key on the command line stays there: it is not repeated on the screen. */
const givenText = (name: string, flags: FlagValues): string => {
  const value = flags.text(name);
  if (name === 'auth-key' && !value.startsWith('file:')) return '--auth-key=…';
  if (name === 'timeout') return `--timeout=${formatDuration(flags.number(name))}`;
  return flagText(name, value === 'true' ? true : value);
};

function mentionAll({ flags, command }: UpQuestion, missing: readonly string[]): string {
  const given = [...flags.given].sort().map((name) => givenText(name, flags));
  return [
    `Error: changing settings via '${command}' requires mentioning all`,
    'non-default flags. To proceed, either re-run your command with --reset or',
    'use the command below to explicitly mention the current value of',
    'all non-default settings:',
    '',
    `\t${[command, ...given, ...missing].join(' ')}`,
    '',
  ].join('\n');
}
