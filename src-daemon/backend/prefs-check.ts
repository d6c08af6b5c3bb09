/** What an edit of the preferences means and whether it can be (localapi-and-daemon.md §3.6). */
import { RhumbError } from '#shared/errors.ts';
import { formatPrefix, maskPrefix, parsePrefix } from '#shared/ip/address.ts';
import type { Prefs } from '#shared/localapi/prefs.ts';
import { AUTO_EXIT, UNRESOLVED_EXIT } from './exit-choice.ts';
import type { ExitEdit } from './exit-nodes.ts';

/** What goes together with what the user asked for. */
export function adjustEdit(current: Prefs, edit: ExitEdit): ExitEdit {
  const { AutoExitNode, ExitNodeID, ExitNodeIP } = edit;
  // Written as an id, an automatic choice is one all the same.
  if (ExitNodeID?.startsWith(AUTO_EXIT) === true)
    return { ...edit, AutoExitNode: ExitNodeID.slice(AUTO_EXIT.length), ExitNodeID: '', ExitNodeIP: '' };
  // The node in use stays until a better one is found.
  if (AutoExitNode !== undefined && AutoExitNode !== '') return { ...edit, ExitNodeIP: '' };
  // Whoever clears the exit node by himself doesn't put it aside.
  const forgets = ExitNodeID === '' && edit.InternalExitNodePrior === undefined;
  const endsUnresolved = AutoExitNode === '' && current.ExitNodeID === UNRESOLVED_EXIT;
  return {
    ...edit,
    ...(forgets && { InternalExitNodePrior: '' }),
    ...(endsUnresolved && ExitNodeID === undefined && { ExitNodeID: '' }),
    ...((ExitNodeID !== undefined || ExitNodeIP !== undefined) && { AutoExitNode: '' }),
  };
}

const DEFAULT_ROUTES = ['0.0.0.0/0', '::/0'];

function serverUrlProblem(url: string): string | undefined {
  if (url === '') return undefined;
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== 'https:' && parsed.protocol !== 'http:'))
    return `login server ${JSON.stringify(url)} is not an http or https address: give it like https://control.example.com`;
  if (parsed.username !== '' || parsed.password !== '')
    return 'login server address must not hold a password';
  return undefined;
}

function routeProblem(route: string): string | undefined {
  const prefix = parsePrefix(route);
  if (prefix === undefined) return `route ${route} is not an IP prefix`;
  const masked = formatPrefix(maskPrefix(prefix));
  return masked === formatPrefix(prefix)
    ? undefined
    : `route ${route} has non-address bits set; expected ${masked}`;
}

const HOSTNAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/;

/** Asked for, and not there yet: saying yes would let the user rely on it. */
function unavailable(wanted: Prefs): string | undefined {
  if (wanted.RunSSH) return 'the SSH server is not available yet: leave out --ssh';
  if (wanted.AppConnector.Advertise) return 'app connectors are not available yet';
  if (wanted.RelayServerPort !== undefined) return 'peer relays are not available yet';
  if ((wanted.AdvertiseServices ?? []).length > 0) return 'services are not available yet';
  if ((wanted.DriveShares ?? []).length > 0) return 'file shares are not available yet';
  if (wanted.AutoUpdate.Apply === true) return 'automatic updates are not available on this platform';
  return undefined;
}

/** Throws `bad-argument` with a text for the user when these preferences can't be. */
export function checkPrefs(wanted: Prefs): void {
  const problem =
    serverUrlProblem(wanted.ControlURL) ??
    (wanted.Hostname !== '' && !HOSTNAME.test(wanted.Hostname)
      ? `host name ${JSON.stringify(wanted.Hostname)} is not valid: use letters, digits and hyphens`
      : undefined) ??
    (wanted.AdvertiseTags ?? []).map(tagProblem).find((found) => found !== undefined) ??
    (wanted.AdvertiseRoutes ?? []).map(routeProblem).find((found) => found !== undefined) ??
    exitNodeProblem(wanted) ??
    unavailable(wanted);
  if (problem !== undefined) throw new RhumbError('bad-argument', problem);
}

const tagProblem = (tag: string): string | undefined =>
  /^tag:[A-Za-z][A-Za-z0-9-]*$/.test(tag)
    ? undefined
    : `tag ${JSON.stringify(tag)} is not valid: it must be tag: and a name of letters, digits and hyphens`;

function exitNodeProblem(wanted: Prefs): string | undefined {
  const offers = DEFAULT_ROUTES.some((route) => wanted.AdvertiseRoutes?.includes(route));
  const uses = wanted.ExitNodeID !== '' || wanted.ExitNodeIP !== '' || wanted.AutoExitNode !== '';
  return offers && uses ? 'Cannot advertise an exit node and use an exit node at the same time.' : undefined;
}
