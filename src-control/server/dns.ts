/** The network's DNS as the server's configuration has it: the view of it, the watched file, the responder. */

import { randomInt } from 'node:crypto';
import type { Clock } from '#shared/async/clock.ts';
import { formatSockAddr, type Prefix, parseIp, parseSockAddr, prefixContains } from '#shared/ip/address.ts';
import type { Log } from '#shared/log/log.ts';
import { type AppPolicy, AppRoutes } from '../dns/app-routes.ts';
import { nameserversOf, type Server, txtAt } from '../dns/certificates/ask.ts';
import { Challenges } from '../dns/certificates/challenges.ts';
import { openPublisher } from '../dns/certificates/publish.ts';
import { RecordsFile } from '../dns/records-file.ts';
import { listenResponder } from '../dns/responder/listen.ts';
import { ResponderZones } from '../dns/responder/zones.ts';
import type { DnsSettings } from '../dns/settings.ts';
import { DnsView } from '../dns/view.ts';
import type { LivePolicy } from '../policy/live/live-policy.ts';
import type { Meter } from '../state/meter.ts';
import type { Network } from '../state/network.ts';
import { RateLimit } from '../web-auth/rate-limit.ts';
import type { Config } from './config.ts';

export interface DnsDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverUrl: string;
  readonly meter?: Meter;
  /** Undefined without a server. */
  readonly policy: (AppPolicy & Pick<LivePolicy, 'capMapOf' | 'groupsOf'>) | undefined;
}

export interface Dns extends AsyncDisposable {
  readonly view: DnsView;
  /** Undefined where nothing can be published. */
  readonly challenges: Challenges | undefined;
  /** `ip:port`; undefined without a responder. */
  readonly responderAddress: string | undefined;
  /** Takes over other settings for machines; rejects, with everything as it was, when their file can't be used. */
  apply(settings: DnsSettings): Promise<void>;
}

/** A machine behind a resolver of its own asks seldom; a forger's victim gets little. */
const QUERIES_AT_ONCE = 200;
const QUERY_EVERY_MS = 10;

/** A certificate takes one or two and lasts for months; who gets more is doing something wrong. */
const CHALLENGES_AT_ONCE = 10;
const CHALLENGE_EVERY_MS = 360_000;

/** The policy's `group:…`, and the identity provider's as it says them. */
const groupsOf = (
  { network, policy }: Pick<DnsDeps, 'network' | 'policy'>,
  userId: number,
): readonly string[] => [
  ...(policy?.groupsOf(userId) ?? []),
  ...(network.user(userId)?.identity?.groups ?? []),
];

/** Also without a server, for commands that work on the state itself. */
export const openDnsView = (
  config: Config,
  deps: Pick<DnsDeps, 'network' | 'log' | 'policy'>,
  apps?: AppRoutes,
): DnsView =>
  new DnsView({
    network: deps.network,
    log: deps.log,
    baseDomain: config.baseDomain,
    settings: config.dns.settings,
    attributesOf: (nodeId) => Object.keys(deps.policy?.capMapOf(nodeId) ?? {}),
    groupsOf: (userId) => groupsOf(deps, userId),
    hasIpv4: (nodeId) => deps.policy?.hasIpv4(nodeId) ?? true,
    appRoutesOf: apps === undefined ? undefined : (nodeId) => apps.routesOf(nodeId),
  });

export async function openDns(config: Config, deps: DnsDeps): Promise<Dns> {
  const { log } = deps;
  await using stack = new AsyncDisposableStack();
  const { network, clock, policy } = deps;
  const apps =
    policy === undefined
      ? undefined
      : stack.use(new AppRoutes({ network, clock, policy, defer: setImmediate }));
  const view = stack.use(openDnsView(config, deps, apps));
  let file = await openRecords(config.dns.settings.recordsPath, deps, view);
  stack.defer(() => file?.[Symbol.dispose]());
  const responder = await openResponder(stack, config, deps, view);
  const challenges = openChallenges(config, deps, view, responder?.zones);
  if (challenges !== undefined) stack.use(challenges);
  const warn = (): void => {
    for (const warning of view.warnings) log('warn', 'dns.warning', { warning });
  };
  warn();
  const owned = stack.move();
  return {
    view,
    challenges,
    responderAddress: responder?.address,
    apply: async (settings) => {
      if (settings.recordsPath !== view.settings.recordsPath) {
        const next = await openRecords(settings.recordsPath, deps, view);
        file?.[Symbol.dispose]();
        file = next;
      }
      view.setSettings(settings);
      warn();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The first time the file must be right; undefined without one. */
async function openRecords(
  path: string | undefined,
  { clock, log }: Pick<DnsDeps, 'clock' | 'log'>,
  view: DnsView,
): Promise<RecordsFile | undefined> {
  if (path === undefined) {
    view.fileProblem = undefined;
    if (view.fileRecords.length > 0) view.setFileRecords([]);
    return undefined;
  }
  using stack = new DisposableStack();
  const file = stack.use(
    new RecordsFile(path, {
      clock,
      log,
      changed: (records) => view.setFileRecords(records),
      troubled: (problem) => {
        view.fileProblem = problem;
      },
    }),
  );
  await file.start();
  stack.move();
  return file;
}

async function openResponder(
  stack: AsyncDisposableStack,
  config: Config,
  { network, clock, log, serverUrl, meter }: DnsDeps,
  view: DnsView,
): Promise<{ readonly address: string; readonly zones: ResponderZones } | undefined> {
  const { responder, publish } = config.dns;
  if (responder === undefined) return undefined;
  const zones = stack.use(
    new ResponderZones({
      view,
      network,
      clock,
      nameServer: responder.name ?? new URL(serverUrl).hostname.replace(/^\[|\]$/g, ''),
      isDelegated: publish?.way.kind === 'responder',
    }),
  );
  const limit = new RateLimit(clock, QUERIES_AT_ONCE, QUERY_EVERY_MS);
  const { host, port } = responder.listen;
  const listening = stack.use(
    await listenResponder(host, port, {
      clock,
      log,
      dataFor: (address) => (isAmong(responder.clients, address) ? zones.all : zones.open),
      mayAsk: (from) => {
        const may = limit.take(from);
        if (!may) meter?.count('rate_limited', { surface: 'dns' });
        return may;
      },
    }),
  );
  const at = formatSockAddr({ ip: host, port: listening.port });
  log('info', 'dns.responder-listening', { address: at });
  return { address: at, zones };
}

function openChallenges(
  config: Config,
  { network, clock, log, meter }: DnsDeps,
  view: DnsView,
  zones: ResponderZones | undefined,
): Challenges | undefined {
  const { publish } = config.dns;
  if (publish === undefined) return undefined;
  const limit = new RateLimit(clock, CHALLENGES_AT_ONCE, CHALLENGE_EVERY_MS);
  // Whatever it knows, everybody else who asks it does.
  const inside = publish.way.kind === 'responder' ? [] : undefined;
  return new Challenges({
    ...{ network, view, clock, log, timeoutMs: publish.timeoutMs, keepMs: publish.keepMs },
    publisher: openPublisher(publish.way, { nowMs: () => clock.now(), messageId, responder: zones }),
    check: publish.check?.map(serverAt) ?? inside,
    nameserversOf,
    txtAt: (server, name, signal) => txtAt(server, name, messageId(), signal),
    mayAsk: (nodeId) => {
      const may = limit.take(String(nodeId));
      if (!may) meter?.count('rate_limited', { surface: 'set-dns' });
      return may;
    },
    count: (result) => meter?.count('certificate_challenges', { result }),
  });
}

const messageId = (): number => randomInt(65_536);

function serverAt(address: string): Server {
  const { ip, port } = parseSockAddr(address) ?? { ip: address, port: 53 };
  return { host: ip, port };
}

function isAmong(prefixes: readonly Prefix[], address: string): boolean {
  const ip = parseIp(address);
  return ip !== undefined && prefixes.some((prefix) => prefixContains(prefix, ip));
}
