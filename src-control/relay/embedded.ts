/** The relay inside the coordination server: only machines of the network may use it, for as long as they belong to it. */
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Clock, Random } from '#shared/async/clock.ts';
import { publicOf } from '#shared/crypto/x25519.ts';
import { type NodeKey, nodeKeyFrom, type PrivateKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import { type CertificateSource, selfCertificate } from '../../src-relay/front/certificates.ts';
import { loadOrMakeKey } from '../../src-relay/front/key-file.ts';
import { metaCertificate } from '../../src-relay/front/meta-certificate.ts';
import { type OpenRelay, openRelay } from '../../src-relay/front/open-relay.ts';
import type { RelayRoutes } from '../../src-relay/front/routes.ts';
import { pinOf } from '../../src-relay/front/self-certificate.ts';
import type { Change } from '../state/changes.ts';
import { isAdmitted, isExpired, type Network } from '../state/network.ts';
import { planRelay, type RelayPlan } from './plan.ts';
import { embeddedMap } from './region.ts';

export interface EmbeddedOptions {
  readonly regionId: number;
  readonly regionCode: string;
  readonly regionName: string;
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  readonly stunPorts: readonly number[] | undefined;
  readonly answersGenericStun: boolean;
  readonly verifiesClients: boolean;
}

export interface EmbeddedDeps {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly stateDir: string;
  /** The server's own listener, and its certificate chain in PEM if it has one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly serverCert: string | undefined;
  readonly serverUrl: string;
  readonly identity: RelayIdentity;
}

/** Known before anything listens, because the server's certificate chain tells it (nat-traversal.md §1.3). */
export interface RelayIdentity {
  readonly privateKey: PrivateKey;
  readonly metaCertificate: string;
}

export interface EmbeddedRelay extends AsyncDisposable {
  /** For the server's own listener. */
  readonly routes: RelayRoutes;
  /** The regions that stand for it. */
  readonly map: DerpMap;
  /** The same, after the server's certificate became another. */
  mapWith(serverCert: string): DerpMap;
  /** Of its own listener. */
  readonly port: number | undefined;
  readonly stunPorts: readonly number[];
  readonly relay: OpenRelay;
}

export async function loadRelayIdentity(stateDir: string, nowMs: number, log: Log): Promise<RelayIdentity> {
  const privateKey = await loadOrMakeKey(join(stateDir, 'relay.key'), log);
  return { privateKey, metaCertificate: metaCertificate(nodeKeyFrom(publicOf(privateKey)), nowMs) };
}

export async function openEmbedded(options: EmbeddedOptions, deps: EmbeddedDeps): Promise<EmbeddedRelay> {
  const { clock, random, log, network } = deps;
  await using stack = new AsyncDisposableStack();
  const plan = planRelay({
    listen: deps.listen,
    hasTls: deps.serverCert !== undefined,
    serverUrl: deps.serverUrl,
    relayListen: options.listen,
    stunPorts: options.stunPorts,
    host: options.host,
    port: options.port,
  });
  const certificates =
    plan.own === undefined
      ? undefined
      : stack.use(await selfCertificate(join(deps.stateDir, 'relay'), plan.host, clock.now()));
  const members = new Members(network, clock);
  const relay = await openRelay({
    clock,
    random,
    log,
    privateKey: deps.identity.privateKey,
    verify: options.verifiesClients ? async (key) => members.admit(key) : undefined,
    servesDerp: true,
    listen: listenerOf(plan, certificates),
    stun: {
      host: deps.listen.host,
      ports: plan.stunPorts.map(({ value }) => value),
      orAnyPort: plan.stunPorts.every(({ isChosen }) => !isChosen),
      answersGeneric: options.answersGenericStun,
    },
    bootstrapNames: /^[\d.]+$|:/.test(plan.host) ? [] : [plan.host],
  });
  stack.use(relay);
  if (options.verifiesClients)
    stack.defer(
      network.subscribe((changes) => {
        for (const key of members.revoked(changes))
          if (relay.core.closePeer(key) > 0) log('info', 'relay.client-closed', { key });
      }),
    );
  const stunPorts = relay.stun?.ports ?? [];
  const mapWith = (serverCert: string | undefined): DerpMap =>
    embeddedMap({
      regionId: options.regionId,
      regionCode: options.regionCode,
      regionName: options.regionName,
      host: plan.host,
      port: plan.port ?? relay.front?.port ?? 0,
      certName: pinFor(plan, certificates, serverCert),
      ipv4: options.ipv4,
      ipv6: options.ipv6,
      stunPorts,
    });
  const owned = stack.move();
  return {
    routes: relay.routes,
    map: mapWith(deps.serverCert),
    mapWith,
    port: relay.front?.port,
    stunPorts,
    relay,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function listenerOf(plan: RelayPlan, certificates: CertificateSource | undefined) {
  if (plan.own === undefined) return undefined;
  return {
    address: plan.own.value,
    orAnyPort: !plan.own.isChosen,
    certificates,
    http: undefined,
    hostName: plan.host,
  };
}

/** A certificate that nobody vouches for is named by its hash; so is the server's, when it is of that kind. */
function pinFor(
  plan: RelayPlan,
  certificates: CertificateSource | undefined,
  serverCert: string | undefined,
): string | undefined {
  if (certificates?.current !== undefined) return pinOf(certificates.current);
  if (plan.own !== undefined || serverCert === undefined) return undefined;
  const leaf = new X509Certificate(serverCert);
  return leaf.subject === leaf.issuer && leaf.verify(leaf.publicKey)
    ? pinOf({ cert: serverCert, key: '' })
    : undefined;
}

/** Which keys were let in, by machine, so that a change of one machine is looked at alone. */
class Members {
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #admitted = new Map<number, Set<NodeKey>>();

  constructor(network: Network, clock: Clock) {
    this.#network = network;
    this.#clock = clock;
  }

  admit(key: NodeKey): boolean {
    const id = this.#owner(key);
    if (id === undefined) return false;
    const keys = this.#admitted.get(id) ?? new Set();
    this.#admitted.set(id, keys.add(key));
    return true;
  }

  /** Keys that were let in and would not be any more. */
  revoked(changes: readonly Change[]): readonly NodeKey[] {
    const ids = changes.some(({ kind }) => kind === 'reset')
      ? [...this.#admitted.keys()]
      : changes.flatMap((change) => (change.kind === 'removed' || change.kind === 'node' ? [change.id] : []));
    const gone: NodeKey[] = [];
    for (const id of ids) {
      const keys = this.#admitted.get(id);
      for (const key of keys ?? []) {
        if (this.#owner(key) === id) continue;
        keys?.delete(key);
        gone.push(key);
      }
      if (keys?.size === 0) this.#admitted.delete(id);
    }
    return gone;
  }

  #owner(key: NodeKey): number | undefined {
    return memberWith(this.#network, key, this.#clock.now());
  }
}

/** The machine whose key this is now, if it may use relays: known, in the network, and not expired. */
export function memberWith(network: Network, key: NodeKey, nowMs: number): number | undefined {
  const record = network.nodeByKey(key)?.record;
  return record === undefined || !isAdmitted(record) || isExpired(record, nowMs) ? undefined : record.id;
}
