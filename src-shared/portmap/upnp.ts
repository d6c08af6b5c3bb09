/** Mappings by UPnP: choosing the router's service, adding, checking and deleting an entry (nat-traversal.md §3.5). */
import type { Random } from '../async/clock.ts';
import { parseIp } from '../ip/address.ts';
import { reachOf } from './addresses.ts';
import { canAddAny, servicesOf } from './igd.ts';
import { LIFETIME_S, leaseOf, type Outcome } from './lease.ts';
import { callSoap, type SoapResult, UpnpError } from './soap.ts';
import type { Fetch, Link, Mapping, UpnpService } from './types.ts';
import { textOf } from './xml.ts';

/** What people see in their router's list. */
const DESCRIPTION = 'rhumb';
const MIN_PORT = 1_024;
const MAX_TRIES = 4;

export interface Router {
  readonly fetch: Fetch;
  readonly random: Random;
  readonly nowMs: () => number;
}

type UpnpMapping = Extract<Mapping, { readonly protocol: 'upnp' }>;

/** `previous` is renewed where it is; without one the descriptions at `locations` are looked through. */
export async function mapByUpnp(
  router: Router,
  link: Link,
  wish: {
    readonly previous: UpnpMapping | undefined;
    readonly port: number;
    readonly locations: readonly string[];
  },
  signal: AbortSignal,
): Promise<Outcome> {
  let why = 'upnp: the router describes no service that maps ports';
  const tried = new Set<string>();
  const attempt = async (service: UpnpService): Promise<Outcome | undefined> => {
    const key = `${service.type} ${service.controlUrl}`;
    if (tried.has(key)) return undefined;
    tried.add(key);
    const outcome = await addEntry(router, link, { service, port: wish.port }, signal);
    if (outcome.ok) return outcome;
    why = outcome.why;
    return undefined;
  };
  const renewed = wish.previous && (await attempt(wish.previous.service));
  if (renewed !== undefined) return renewed;
  for (const location of wish.locations) {
    const service = await chooseService(router, link, location, signal);
    const made = service && (await attempt(service));
    if (made !== undefined) return made;
  }
  return { ok: false, why };
}

/** The only service there is, or else the best one: connected and with a public address. */
async function chooseService(
  router: Router,
  link: Link,
  location: string,
  signal: AbortSignal,
): Promise<UpnpService | undefined> {
  let xml: string;
  try {
    const answer = await router.fetch({ url: location, localIp: link.self }, signal);
    if (answer.status !== 200) return undefined;
    xml = answer.body;
  } catch {
    // The next description may do; aborted is another matter.
    signal.throwIfAborted();
    return undefined;
  }
  const services = servicesOf(xml, location, link.gateway);
  if (services.length <= 1) return services[0];
  let best: { readonly service: UpnpService; readonly score: number } | undefined;
  for (const service of services) {
    const score = await scoreOf(router, link, service, signal);
    if (best === undefined || score > best.score) best = { service, score };
    if (score === BEST_SCORE) break;
  }
  return best?.service;
}

const BEST_SCORE = 3;

async function scoreOf(
  router: Router,
  link: Link,
  service: UpnpService,
  signal: AbortSignal,
): Promise<number> {
  const call = (action: string): Promise<SoapResult> =>
    callSoap(router.fetch, { service, action, args: [], localIp: link.self }, signal);
  const status = await call('GetStatusInfo');
  const word = status.ok ? textOf(status.values, 'NewConnectionStatus') : undefined;
  if (word !== 'Connected' && word !== 'Up') return 0;
  const address = await call('GetExternalIPAddress');
  const ip = address.ok ? parseIp(textOf(address.values, 'NewExternalIPAddress') ?? '') : undefined;
  const reach = ip === undefined ? undefined : reachOf(ip);
  return reach === 'public' ? BEST_SCORE : reach === 'double-nat' ? 2 : 1;
}

async function addEntry(
  router: Router,
  link: Link,
  wish: { readonly service: UpnpService; readonly port: number },
  signal: AbortSignal,
): Promise<Outcome> {
  const { service } = wish;
  const added = await add(router, link, wish, signal);
  if (!added.ok) return { ok: false, why: `upnp: ${added.why}` };
  const { port } = added;
  const drop = async (why: string): Promise<Outcome> => {
    await deleteEntry(router, link, service, port, signal);
    return { ok: false, why: `upnp: ${why}` };
  };
  const entry = await readEntry(router, link, service, port, signal);
  if (entry.kind === 'missing') return { ok: false, why: 'upnp: the router says done and did nothing' };
  // Not ours to delete, either.
  if (entry.kind === 'foreign') return { ok: false, why: 'upnp: the port is mapped to another machine' };
  const address = await callSoap(
    router.fetch,
    { service, action: 'GetExternalIPAddress', args: [], localIp: link.self },
    signal,
  );
  if (!address.ok) return drop(`it does not tell its external address: ${address.why}`);
  const ip = parseIp(textOf(address.values, 'NewExternalIPAddress') ?? '');
  if (ip === undefined) return drop('its external address is none');
  const isPermanent = added.isPermanent || (entry.kind === 'ours' && entry.leaseS === 0);
  const leaseS = isPermanent || entry.kind === 'unknown' ? LIFETIME_S : entry.leaseS;
  const lease = leaseOf({ ip, port, lifetimeS: leaseS }, router.nowMs());
  if (typeof lease === 'string') return drop(lease);
  return { ok: true, mapping: { protocol: 'upnp', service, isPermanent, ...lease } };
}

type Added =
  | { readonly ok: true; readonly port: number; readonly isPermanent: boolean }
  | { readonly ok: false; readonly why: string };

interface Try {
  readonly port: number;
  readonly leaseS: number;
  readonly isAny: boolean;
}

/** Each refusal that says what would do instead is followed, a few times. */
async function add(
  router: Router,
  link: Link,
  wish: { readonly service: UpnpService; readonly port: number },
  signal: AbortSignal,
): Promise<Added> {
  const { service } = wish;
  const port = wish.port >= MIN_PORT ? wish.port : usualPort(link);
  let next: Try | undefined = { port, leaseS: LIFETIME_S, isAny: canAddAny(service) };
  let why = '';
  for (let tries = 0; tries < MAX_TRIES && next !== undefined; tries++) {
    const { isAny, leaseS }: Try = next;
    const call = {
      service,
      action: isAny ? 'AddAnyPortMapping' : 'AddPortMapping',
      args: entryArgs(link, next),
      localIp: link.self,
    };
    const result = await callSoap(router.fetch, call, signal);
    if (!result.ok) {
      why = result.why;
      next = instead(next, result.code, link, router.random);
      continue;
    }
    const reserved: number | undefined = isAny ? portOf(textOf(result.values, 'NewReservedPort')) : next.port;
    if (reserved !== undefined) return { ok: true, port: reserved, isPermanent: leaseS === 0 };
    why = 'it did not tell the port';
    next = { ...next, isAny: false };
  }
  return { ok: false, why };
}

/** What to try after a refusal; undefined when it says nothing that we could do better. */
function instead(tried: Try, code: number | undefined, link: Link, random: Random): Try | undefined {
  switch (code) {
    case UpnpError.InvalidArgs:
    case UpnpError.OnlyPermanentLeases:
      return tried.leaseS === 0 ? undefined : { ...tried, leaseS: 0 };
    case UpnpError.Conflict:
      return { ...tried, port: randomPort(random) };
    case UpnpError.SamePortRequired:
      return tried.port === link.port || link.port < MIN_PORT ? undefined : { ...tried, port: link.port };
    case UpnpError.InvalidAction:
    case UpnpError.ActionFailed:
    case UpnpError.NotImplemented:
      // Some announce version 2 and know the actions of version 1.
      return tried.isAny ? { ...tried, isAny: false } : undefined;
    default:
      return undefined;
  }
}

const entryArgs = (link: Link, { port, leaseS }: Try): [string, string][] => [
  ['NewRemoteHost', ''],
  ['NewExternalPort', String(port)],
  ['NewProtocol', 'UDP'],
  ['NewInternalPort', String(link.port)],
  ['NewInternalClient', link.self],
  ['NewEnabled', '1'],
  ['NewPortMappingDescription', DESCRIPTION],
  ['NewLeaseDuration', String(leaseS)],
];

/** Never 0: that is "all ports"; and below 1024 many routers refuse (nat-traversal.md §9.7). */
const randomPort = (random: Random): number => MIN_PORT + Math.floor(random() * (65_536 - MIN_PORT));

/**
 * As good as random among the machines of a network, but the same at each start: what a run that was killed has left on
 * the router is taken over by the next one, and a permanent lease is deleted by it in the end.
 */
function usualPort({ self, port }: Link): number {
  // FNV-1a
  let hash = 0x811c9dc5;
  for (const letter of `${self}:${port}`) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x0100_0193) >>> 0;
  return MIN_PORT + (hash % (65_536 - MIN_PORT));
}

const whole = (text: string | undefined, max: number): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) && Number(text) <= max ? Number(text) : undefined;

function portOf(text: string | undefined): number | undefined {
  const port = whole(text, 65_535);
  return port === undefined || port < MIN_PORT ? undefined : port;
}

type Entry =
  | { readonly kind: 'ours'; readonly leaseS: number }
  /** The router does not say. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'foreign' };

/** What the router made of it: some say done and do nothing, some grant less than was asked. */
async function readEntry(
  router: Router,
  link: Link,
  service: UpnpService,
  port: number,
  signal: AbortSignal,
): Promise<Entry> {
  const args: [string, string][] = [
    ['NewRemoteHost', ''],
    ['NewExternalPort', String(port)],
    ['NewProtocol', 'UDP'],
  ];
  const action = 'GetSpecificPortMappingEntry';
  const result = await callSoap(router.fetch, { service, action, args, localIp: link.self }, signal);
  if (!result.ok) return { kind: result.code === UpnpError.NoSuchEntry ? 'missing' : 'unknown' };
  const client = textOf(result.values, 'NewInternalClient');
  const internalPort = whole(textOf(result.values, 'NewInternalPort'), 65_535);
  if (client === undefined || internalPort === undefined) return { kind: 'unknown' };
  if (client !== link.self || internalPort !== link.port) return { kind: 'foreign' };
  const leaseS = whole(textOf(result.values, 'NewLeaseDuration'), 2 ** 32 - 1);
  return leaseS === undefined ? { kind: 'unknown' } : { kind: 'ours', leaseS };
}

/** A lease that would end by itself is nobody's loss, but a permanent one stays: so this is waited for. */
export async function releaseByUpnp(
  router: Router,
  link: Link,
  mapping: UpnpMapping,
  signal: AbortSignal,
): Promise<void> {
  const { service, external } = mapping;
  const entry = await readEntry(router, link, service, external.port, signal);
  if (entry.kind === 'ours' || entry.kind === 'unknown')
    await deleteEntry(router, link, service, external.port, signal);
}

async function deleteEntry(
  router: Router,
  link: Link,
  service: UpnpService,
  port: number,
  signal: AbortSignal,
): Promise<SoapResult> {
  const args: [string, string][] = [
    ['NewRemoteHost', ''],
    ['NewExternalPort', String(port)],
    ['NewProtocol', 'UDP'],
  ];
  return callSoap(router.fetch, { service, action: 'DeletePortMapping', args, localIp: link.self }, signal);
}
