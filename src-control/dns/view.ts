/** The network's DNS as each machine is told it; keeps what it has made until something that matters changes. */
import type { Log } from '#shared/log/log.ts';
import type { Change } from '../state/changes.ts';
import { What } from '../state/changes.ts';
import { isAdmitted, type Network, type NodeView } from '../state/network.ts';
import type { NodeRecord } from '../store/records.ts';
import type { SplitRoutes } from './app-routes.ts';
import { Followed } from './followed.ts';
import { doubtAbout, parseNameserver } from './nameserver.ts';
import { forDevice, isNextDns } from './next-dns.ts';
import { fittingOverrides, overridden } from './overrides.ts';
import type { ExtraRecord } from './record.ts';
import {
  DNS_SETTING,
  type DnsChoice,
  type DnsOverride,
  type DnsSettings,
  type Effective,
  effective,
  overlay,
  readStored,
} from './settings.ts';
import { mapResolvers, resolversOf, type WireDnsConfig, wireConfig } from './wire.ts';
import { buildZone, type Zone } from './zone.ts';

export interface DnsViewDeps {
  readonly network: Network;
  readonly log: Log;
  readonly baseDomain: string;
  readonly settings: DnsSettings;
  /** Names of the attributes that the policy gives a machine. */
  readonly attributesOf: (nodeId: number) => Iterable<string>;
  /** Groups of a user, as overrides name them. */
  readonly groupsOf: (userId: number) => readonly string[];
  /** False where the policy takes a machine's IPv4 address away. */
  readonly hasIpv4: (nodeId: number) => boolean;
  /** Where the machine asks for the domains of apps; the same object while nothing changes. */
  readonly appRoutesOf?: ((nodeId: number) => SplitRoutes | undefined) | undefined;
}

/** A capability map's part, as the wire has it. */
export type DnsCaps = Readonly<Record<string, readonly []>>;

/** The client may ask for certificates. */
const CAP_HTTPS = 'https';
/** Names below the machine's own are the machine's. */
const CAP_SUBDOMAINS = 'dns-subdomain-resolve';
const NO_CAPS: DnsCaps = {};

/** What all machines with the same overrides have in common. */
interface Shared {
  readonly config: WireDnsConfig;
  readonly zone: Zone;
  readonly effective: Effective;
  readonly tellsDevices: boolean;
}

/** What a machine was given, and from what it was made. */
interface Own {
  readonly shared: Shared;
  readonly record: NodeRecord;
  readonly attributes: string;
  readonly apps: SplitRoutes | undefined;
  readonly config: WireDnsConfig;
}

export class DnsView implements Disposable {
  readonly #deps: DnsViewDeps;
  readonly #unsubscribe: () => void;
  readonly #shared = new Map<string, Shared>();
  readonly #own = new Map<number, Own>();
  readonly #followed = new Followed({
    addressesOf: (name) => this.addressesOf(name),
    nameOf: (id) => this.#fqdnOfId(id),
    idOf: (name) => this.#machineNamed(name)?.id,
  });
  /** Why the watched file is not in force as it stands. */
  fileProblem: string | undefined;
  #settings: DnsSettings;
  #runtime: DnsChoice = {};
  #fileRecords: readonly ExtraRecord[] = [];

  constructor(deps: DnsViewDeps) {
    this.#deps = deps;
    this.#settings = deps.settings;
    this.#runtime = this.#readRuntime();
    this.#unsubscribe = deps.network.subscribe((changes) => this.#onChanges(changes));
    // Else anybody's machine could have a share of what the record is for, and a certificate in its name.
    deps.network.reserve((label) => this.#isSpokenFor(`${label}.${deps.baseDomain}`));
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
  }

  get baseDomain(): string {
    return this.#deps.baseDomain;
  }
  get settings(): DnsSettings {
    return this.#settings;
  }
  /** What administrators changed since the configuration file was written. */
  get runtime(): DnsChoice {
    return this.#runtime;
  }
  /** What machines without overrides get. */
  get effective(): Effective {
    return this.#sharedOf([]).effective;
  }
  #isSpokenFor(name: string): boolean {
    return this.records.some(
      (one) => one.name === name && (one.type === 'A' || one.type === 'AAAA' || one.type === 'CNAME'),
    );
  }
  /** Those of every source, in order of precedence. */
  get records(): readonly ExtraRecord[] {
    return this.#records([]);
  }
  get fileRecords(): readonly ExtraRecord[] {
    return this.#fileRecords;
  }

  /** What administrators should know about what they set. */
  get warnings(): readonly string[] {
    const settings = this.#settings;
    const all = [[], ...settings.overrides.map((_, index) => [index])].map((one) => this.#sharedOf(one));
    const servers = all.flatMap(({ effective: { nameservers, splitDns } }) => [
      ...nameservers,
      ...Object.values(splitDns).flat(),
    ]);
    const doubts = servers.map(doubtAbout).filter((doubt) => doubt !== undefined);
    return [...new Set([...all.flatMap(({ zone }) => zone.warnings), ...doubts])];
  }

  /** As it goes into the machine's map; the same object while nothing changes. */
  configOf(nodeId: number): WireDnsConfig {
    const view = this.#deps.network.node(nodeId);
    if (view === undefined) return this.#sharedOf([]).config;
    const shared = this.#sharedOf(this.#overridesOf(view.record));
    const apps = isAdmitted(view.record) ? this.#deps.appRoutesOf?.(nodeId) : undefined;
    if (!shared.tellsDevices && !shared.effective.https && apps === undefined) return shared.config;
    const attributes = shared.tellsDevices ? [...this.#deps.attributesOf(nodeId)] : [];
    const key = attributes.join('\n');
    const known = this.#own.get(nodeId);
    const isAsBefore = known?.shared === shared && known.record === view.record;
    if (isAsBefore && known.attributes === key && known.apps === apps) return known.config;
    const made = this.#withApps(this.#personal(shared, view, attributes), apps);
    // Records are replaced for reasons that don't matter here, such as new endpoints.
    const config =
      known !== undefined && JSON.stringify(known.config) === JSON.stringify(made) ? known.config : made;
    this.#own.set(nodeId, { shared, record: view.record, attributes: key, apps, config });
    return config;
  }

  /** What is to be merged into the machine's own capability map. */
  capsOf(nodeId: number): DnsCaps {
    const record = this.#deps.network.node(nodeId)?.record;
    if (record === undefined) return NO_CAPS;
    const shared = this.#sharedOf(this.#overridesOf(record));
    const subdomains = this.peerCapsOf(nodeId);
    return shared.effective.https && isAdmitted(record) ? { ...subdomains, [CAP_HTTPS]: [] } : subdomains;
  }

  /** What is to be merged into the capability map of the machine as its peers see it. */
  peerCapsOf(nodeId: number): DnsCaps {
    const { zone } = this.#sharedOf([]);
    if (zone.wideMachines.length === 0) return NO_CAPS;
    const record = this.#deps.network.node(nodeId)?.record;
    if (record === undefined || !zone.wideMachines.includes(this.fqdnOf(record))) return NO_CAPS;
    return { [CAP_SUBDOMAINS]: [] };
  }

  fqdnOf(record: NodeRecord): string {
    return `${record.givenName}.${this.#deps.baseDomain}`;
  }

  /** Of a machine of the network, by its whole name. */
  addressesOf(name: string): readonly string[] | undefined {
    const record = this.#machineNamed(name);
    if (record === undefined) return undefined;
    return this.#deps.hasIpv4(record.id) && record.ipv4 !== '' ? [record.ipv4, record.ipv6] : [record.ipv6];
  }

  /** Takes over what the configuration file says now. */
  setSettings(settings: DnsSettings): void {
    this.#settings = settings;
    // Machines are known by the places of their overrides, which may be others now.
    this.#shared.clear();
    this.#own.clear();
    this.#deps.network.announce([{ kind: 'dns' }]);
  }

  /** Takes over what the watched file says now. */
  setFileRecords(records: readonly ExtraRecord[]): void {
    this.#fileRecords = records;
    this.#deps.network.announce([{ kind: 'dns' }]);
  }

  #onChanges(changes: readonly Change[]): void {
    for (const change of changes) if (change.kind === 'removed') this.#own.delete(change.id);
    if (changes.some(({ kind }) => kind === 'dns' || kind === 'reset')) this.#forget();
    else if (changes.some((change) => this.#concernsNames(change))) this.#look();
    // Who is in a group, and what attributes machines have, may be other than it was.
    const concernsPolicy = changes.some(({ kind }) => kind === 'policy' || kind === 'user');
    if (concernsPolicy && this.#followsPolicy()) this.#deps.network.announce([{ kind: 'dns' }]);
  }

  #forget(): void {
    this.#runtime = this.#readRuntime();
    const before = new Map(this.#shared);
    this.#shared.clear();
    this.#followed.clear();
    for (const [key, old] of before) {
      const made = this.#make(key === '' ? [] : key.split(' ').map(Number));
      this.#shared.set(key, isSame(old, made) ? old : made);
    }
  }

  /** A machine came, went or changed its name or address: aliases may lead elsewhere now. */
  #look(): void {
    const before = [...this.#shared.values()];
    this.#forget();
    const after = [...this.#shared.values()];
    if (after.some((shared, index) => shared !== before[index]))
      this.#deps.network.announce([{ kind: 'dns' }]);
  }

  #machineNamed(name: string): NodeRecord | undefined {
    const { network, baseDomain } = this.#deps;
    if (!name.endsWith(`.${baseDomain}`)) return undefined;
    const record = network.nodeByName(name.slice(0, -baseDomain.length - 1))?.record;
    return record !== undefined && isAdmitted(record) ? record : undefined;
  }

  #fqdnOfId(id: number): string | undefined {
    const record = this.#deps.network.node(id)?.record;
    return record === undefined ? undefined : this.fqdnOf(record);
  }

  #concernsNames(change: Change): boolean {
    if (change.kind === 'policy') return true;
    if (change.kind === 'node' && (change.what & (What.Whole | What.Tags)) === 0) return false;
    return (change.kind === 'node' || change.kind === 'removed') && this.#followed.isOther(change.id);
  }

  #followsPolicy(): boolean {
    return this.#settings.overrides.length > 0 || [...this.#shared.values()].some((one) => one.tellsDevices);
  }

  #readRuntime(): DnsChoice {
    const { network, log } = this.#deps;
    try {
      return readStored(network.setting(DNS_SETTING));
    } catch (error) {
      log('error', 'dns.setting-unreadable', { error, advice: 'set it anew with rhumb-control dns set' });
      return {};
    }
  }

  #overridesOf(record: NodeRecord): readonly number[] {
    return fittingOverrides(this.#deps, this.#settings.overrides, record);
  }

  /** By indexes of the overrides. */
  #sharedOf(overrides: readonly number[]): Shared {
    const key = overrides.join(' ');
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const made = this.#make(overrides);
    this.#shared.set(key, made);
    return made;
  }

  #make(indexes: readonly number[]): Shared {
    const { baseDomain } = this.#deps;
    const settings = this.#settings;
    const overrides = settings.overrides.filter((_, index) => indexes.includes(index));
    const chosen = overridden(overlay(settings.choice, this.#runtime), overrides);
    const eff = effective(chosen, settings.canPublish);
    const zone = buildZone({
      ownDomain: eff.magicDns ? baseDomain : undefined,
      records: this.#records(overrides),
      routed: new Set(Object.keys(eff.splitDns).filter((suffix) => eff.splitDns[suffix]?.length !== 0)),
      hasResponder: settings.responderAddress !== undefined,
      addressesOf: (name) => this.#followed.addressesOf(name),
    });
    const responder =
      settings.responderAddress === undefined
        ? undefined
        : parseNameserver(settings.responderAddress, 'dns.responder.address');
    const config = wireConfig({
      baseDomain,
      effective: eff,
      zone,
      responder,
      exitNodeFiltered: settings.exitNodeFiltered,
    });
    return { config, zone, effective: eff, tellsDevices: resolversOf(config).some(isNextDns) };
  }

  /** Overrides' own come first and take the place of common ones of the same name. */
  #records(overrides: readonly DnsOverride[]): readonly ExtraRecord[] {
    const special = overrides.flatMap(({ records }) => records);
    const names = new Set(special.map(({ name }) => name));
    const { network } = this.#deps;
    const common = [...this.#settings.records, ...this.#fileRecords, ...network.dnsRecords.values()];
    return [...special, ...common.filter(({ name }) => !names.has(name))];
  }

  /** Connectors come before split DNS of the same name, which is what is left when none of them answers; never before machines' own names. */
  #withApps(config: WireDnsConfig, apps: SplitRoutes | undefined): WireDnsConfig {
    const own = this.#deps.baseDomain;
    const fitting = Object.entries(apps ?? {}).filter(
      ([suffix]) => suffix !== own && !suffix.endsWith(`.${own}`),
    );
    return fitting.length === 0
      ? config
      : { ...config, Routes: { ...config.Routes, ...Object.fromEntries(fitting) } };
  }

  #personal(shared: Shared, view: NodeView, attributes: readonly string[]): WireDnsConfig {
    const { record } = view;
    const device = {
      name: record.hostname,
      model: record.hostinfo.OS ?? '',
      ip: this.addressesOf(this.fqdnOf(record))?.[0] ?? record.ipv6,
    };
    const config = shared.tellsDevices
      ? mapResolvers(shared.config, (resolver) => forDevice(resolver, device, attributes))
      : shared.config;
    return shared.effective.https ? { ...config, CertDomains: [this.fqdnOf(record)] } : config;
  }
}

const isSame = (a: Shared, b: Shared): boolean =>
  JSON.stringify([a.config, a.effective, a.zone]) === JSON.stringify([b.config, b.effective, b.zone]);
