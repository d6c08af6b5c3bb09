/** From the flags of `up`, `login` and `set` to preferences, with every value checked. */
import { RhumbError } from '#shared/errors.ts';
import { canonicalIp, formatPrefix, maskPrefix, parsePrefix } from '#shared/ip/address.ts';
import { NetfilterMode, newPrefs, type Prefs } from '#shared/localapi/prefs.ts';
import type { PeerStatus, Status } from '#shared/localapi/status.ts';
import { withoutSuffix } from '../print/names.ts';
import { peerWithIp } from './find-peer.ts';
import { advertisesExitNode, EXIT_ROUTES } from './pref-flags.ts';
import type { FlagValues } from './spec.ts';

export interface NewPrefs {
  readonly prefs: Prefs;
  /** For the user, each a line. */
  readonly warnings: readonly string[];
}

const bad = (message: string): RhumbError => new RhumbError('bad-argument', message);

/** What the flags say, over the defaults of a new profile. Throws on a value that can't be. */
export function prefsFromFlags(flags: FlagValues, status: Status): NewPrefs {
  const text = (name: string): string => (flags.has(name) ? flags.text(name) : '');
  const bool = (name: string, otherwise = false): boolean => (flags.has(name) ? flags.bool(name) : otherwise);
  if (text('exit-node') === '' && bool('exit-node-allow-lan-access'))
    throw bad('--exit-node-allow-lan-access can only be used with --exit-node');
  const mode = text('netfilter-mode') || 'on';
  const prefs: Prefs = {
    ...newPrefs(),
    ...exitNode(text('exit-node'), status),
    ControlURL: controlUrl(text('login-server')),
    WantRunning: true,
    RouteAll: bool('accept-routes'),
    ExitNodeAllowLANAccess: bool('exit-node-allow-lan-access'),
    CorpDNS: bool('accept-dns', true),
    RunSSH: bool('ssh'),
    ShieldsUp: bool('shields-up'),
    AdvertiseRoutes: routes(text('advertise-routes'), bool('advertise-exit-node')),
    AdvertiseTags: tags(text('advertise-tags')),
    Hostname: hostname(text('hostname')),
    ForceDaemon: bool('unattended'),
    OperatorUser: text('operator'),
    ProfileName: text('nickname'),
    AppConnector: { Advertise: bool('advertise-connector') },
    PostureChecking: bool('report-posture'),
    NoSNAT: !bool('snat-subnet-routes', true),
    NoStatefulFiltering: !bool('stateful-filtering'),
    NetfilterMode: netfilterModeOf(mode),
  };
  return { prefs, warnings: warningsOf(prefs, mode) };
}

const netfilterModeOf = (text: string): NetfilterMode =>
  text === 'off' ? NetfilterMode.Off : text === 'nodivert' ? NetfilterMode.NoDivert : NetfilterMode.On;

function warningsOf(prefs: Prefs, mode: string): readonly string[] {
  const warnings: string[] = [];
  if (prefs.NoSNAT && advertisesExitNode(prefs))
    warnings.push(
      '--snat-subnet-routes=false is set with --advertise-exit-node; traffic to the internet may not work',
    );
  if (mode === 'nodivert')
    warnings.push('netfilter=nodivert; add calls to the ts-* chains yourself, they are not called');
  if (mode === 'off') warnings.push('netfilter=off; configure the firewall yourself');
  return warnings;
}

/** A URL of a coordination server, as the user gave it. */
export function controlUrl(text: string): string {
  if (text === '') return '';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:') || url.hostname === '')
    throw bad(
      `--login-server: not a URL: ${JSON.stringify(text)}; want one such as https://control.example.com`,
    );
  return text;
}

const MAX_NAME = 253;

/** A host name of one or more DNS labels. */
export function hostname(text: string): string {
  const isBad = (label: string): boolean => !/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label);
  if (text === '') return '';
  const wrong = text.replace(/\.$/, '').split('.').find(isBad);
  if (text.length > MAX_NAME || wrong !== undefined)
    throw bad(
      `--hostname: ${JSON.stringify(wrong ?? text)} is not a valid DNS label: use letters, digits and inner hyphens, at most 63`,
    );
  return text;
}

/** Tags by their full names. */
export function tags(text: string): readonly string[] | undefined {
  if (text === '') return undefined;
  return text.split(',').map((raw) => {
    const tag = raw.includes(':') ? raw : `tag:${raw}`;
    if (!/^tag:[A-Za-z][A-Za-z0-9-]*$/.test(tag))
      throw bad(
        `tag: ${JSON.stringify(raw)}: a tag is tag: and a name of letters, digits and dashes that starts with a letter`,
      );
    return tag;
  });
}

/** Routes to advertise, shortest prefix first; both default routes are the offer of an exit node. */
export function routes(text: string, isExitNode: boolean): readonly string[] | undefined {
  const found = new Set<string>();
  for (const raw of text === '' ? [] : text.split(',')) {
    const prefix = raw.includes('/') ? parsePrefix(raw) : undefined;
    if (prefix === undefined) throw bad(`${JSON.stringify(raw)} is not a valid IP address or CIDR prefix`);
    const [canonical, masked] = [formatPrefix(prefix), formatPrefix(maskPrefix(prefix))];
    if (canonical !== masked) throw bad(`${canonical} has non-address bits set; expected ${masked}`);
    found.add(canonical);
  }
  const [v4 = '', v6 = ''] = EXIT_ROUTES;
  if (found.has(v4) !== found.has(v6)) {
    const [has, lacks] = found.has(v4) ? [v4, v6] : [v6, v4];
    throw bad(`${has} advertised without its counterpart, please also advertise ${lacks}`);
  }
  if (isExitNode) for (const route of EXIT_ROUTES) found.add(route);
  const bits = (route: string): number => Number(route.slice(route.indexOf('/') + 1));
  const sorted = [...found].sort((a, b) => bits(a) - bits(b) || (a < b ? -1 : 1));
  return sorted.length === 0 ? undefined : sorted;
}

/** The exit node that `text` names: `auto:…`, an address, or the name of a peer. */
export function exitNode(text: string, status: Status): Pick<Prefs, 'ExitNodeIP' | 'AutoExitNode'> {
  if (text === '') return { ExitNodeIP: '', AutoExitNode: '' };
  if (text.startsWith('auto:') && text.length > 'auto:'.length)
    return { ExitNodeIP: '', AutoExitNode: text.slice('auto:'.length) };
  const ip = canonicalIp(text);
  return {
    ExitNodeIP: ip === undefined ? exitNodeByName(text, status) : exitNodeByIp(ip, status),
    AutoExitNode: '',
  };
}

const isOwn = (ip: string, status: Status): boolean =>
  status.TailscaleIPs?.includes(ip) === true || status.Self.TailscaleIPs?.includes(ip) === true;

const ownError = (text: string): RhumbError =>
  bad(
    `cannot use ${text} as an exit node as it is a local IP address to this machine; did you mean --advertise-exit-node?`,
  );

function exitNodeByIp(ip: string, status: Status): string {
  if (isOwn(ip, status)) throw ownError(ip);
  // Before a network map is there, the address is taken on trust.
  if (status.BackendState !== 'Running') return ip;
  const peer = peerWithIp(status, ip);
  if (peer === undefined) throw bad(`no node found in netmap with IP ${ip}`);
  if (!peer.ExitNodeOption) throw bad(`node ${ip} is not advertising an exit node`);
  return ip;
}

function exitNodeByName(name: string, status: Status): string {
  const peers = Object.values(status.Peer ?? {});
  if (peers.length === 0)
    throw bad('an exit node can be given by name only while connected; use its IP address instead');
  const wanted = name.toLowerCase().replace(/\.$/, '');
  const isNamed = (peer: PeerStatus): boolean =>
    [peer.DNSName.replace(/\.$/, ''), withoutSuffix(peer.DNSName, status.MagicDNSSuffix)].some(
      (one) => one !== '' && one.toLowerCase() === wanted,
    );
  const matches = peers.filter(isNamed);
  const [found] = matches;
  if (found === undefined) {
    if (isNamed(status.Self)) throw ownError(name);
    throw bad(`invalid value ${JSON.stringify(name)} for --exit-node; must be IP or unique node name`);
  }
  if (matches.length > 1) throw bad(`ambiguous exit node name ${JSON.stringify(name)}`);
  if (!found.ExitNodeOption) throw bad(`node ${JSON.stringify(name)} is not advertising an exit node`);
  const ip = found.TailscaleIPs?.[0];
  if (ip === undefined) throw bad(`node ${JSON.stringify(name)} has no Tailscale IP?`);
  return ip;
}
