/** A policy as it was read: typed, every word with its place (policy.md §2). */

import type { Cidr } from '../sets/ranges.ts';
import type { Place } from '../text/tree.ts';
import type { AttributeType, Condition } from './condition.ts';
import type { PortRange, ProtoPorts } from './ports.ts';
import type { Selector } from './selector.ts';

/** A word and its place. */
export interface Word {
  readonly text: string;
  readonly at: Place;
}

export interface SelectorUse {
  readonly selector: Selector;
  readonly at: Place;
}

export interface DestinationUse extends SelectorUse {
  /** As written, with the ports. */
  readonly text: string;
  readonly ports: readonly PortRange[];
}

export interface AclRule {
  readonly at: Place;
  readonly proto: number | undefined;
  readonly src: readonly SelectorUse[];
  readonly dst: readonly DestinationUse[];
  /** Undefined: the default applies. */
  readonly srcPosture: readonly Word[] | undefined;
}

/** Values are the author's own JSON: `null` and `[]` are legal. */
export type CapMap = Readonly<Record<string, readonly unknown[] | null>>;

export interface GrantRule {
  readonly at: Place;
  readonly src: readonly SelectorUse[];
  readonly dst: readonly SelectorUse[];
  readonly ip: readonly ProtoPorts[];
  readonly app: CapMap | undefined;
  readonly via: readonly Word[];
  readonly srcPosture: readonly Word[] | undefined;
}

export interface SshRule {
  readonly at: Place;
  readonly action: 'accept' | 'check';
  readonly src: readonly SelectorUse[];
  readonly dst: readonly SelectorUse[];
  readonly users: readonly Word[];
  /** In nanoseconds; 0 asks every time. */
  readonly checkPeriodNs: bigint;
  readonly acceptEnv: readonly string[];
  readonly recorder: readonly Word[];
  readonly isRecorderEnforced: boolean;
  readonly srcPosture: readonly Word[] | undefined;
}

/** An app as machines are told of it. */
export interface WireApp {
  readonly name?: string;
  readonly domains?: readonly string[];
  readonly routes?: readonly string[];
  readonly connectors?: readonly string[];
}

/** Names that connectors look up for others, and whose traffic they carry. */
export interface AppConnector {
  readonly at: Place;
  readonly name: string;
  /** Tags, or `*` for every machine that offers itself. */
  readonly connectors: readonly Word[];
  /** In lower case; `*.example.com` for all names below it. */
  readonly domains: readonly Word[];
  /** Carried from the start, without waiting for an address to be seen. */
  readonly routes: readonly Cidr[];
  readonly wire: WireApp;
}

export interface NodeAttrRule {
  readonly at: Place;
  readonly target: readonly SelectorUse[];
  readonly attr: readonly Word[];
  readonly apps: readonly AppConnector[];
  readonly ipPool: readonly Cidr[];
}

export type SimulatedAttributes = ReadonlyMap<string, string | number | boolean>;

export interface PolicyTest {
  readonly at: Place;
  readonly src: SelectorUse;
  readonly proto: number | undefined;
  readonly protoText: string;
  readonly accept: readonly DestinationUse[];
  readonly deny: readonly DestinationUse[];
  readonly attributes: SimulatedAttributes | undefined;
}

export interface SshTest {
  readonly at: Place;
  readonly src: SelectorUse;
  readonly dst: readonly SelectorUse[];
  readonly accept: readonly Word[];
  readonly deny: readonly Word[];
  readonly check: readonly Word[];
}

export interface Declared<T> {
  readonly keyAt: Place;
  readonly value: T;
}

export interface IpSetOperation {
  readonly isRemoval: boolean;
  readonly operand: SelectorUse;
}

export interface AttributeConfig {
  readonly type: AttributeType;
  readonly isSetByNode: boolean;
  readonly broadcastTo: readonly SelectorUse[];
}

export interface Approvers<Key> {
  readonly key: Key;
  readonly keyAt: Place;
  readonly approvers: readonly SelectorUse[];
}

export interface AutoApprovers {
  readonly routes: readonly Approvers<Cidr>[];
  readonly exitNode: readonly SelectorUse[];
  readonly services: readonly Approvers<string>[];
}

export type Table<T> = ReadonlyMap<string, Declared<T>>;

export interface PolicyAst {
  /** Without any of `acls` and `grants` everything is allowed (policy.md §5.0). */
  readonly hasRules: boolean;
  readonly acls: readonly AclRule[];
  readonly grants: readonly GrantRule[];
  readonly groups: Table<readonly Word[]>;
  readonly hosts: Table<Cidr>;
  readonly tagOwners: Table<readonly SelectorUse[]>;
  readonly ipsets: Table<readonly IpSetOperation[]>;
  readonly postures: Table<readonly Condition[]>;
  readonly defaultSrcPosture: readonly Word[];
  readonly attrConfig: Table<AttributeConfig>;
  readonly autoApprovers: AutoApprovers;
  /** Undefined: the policy has no such section. */
  readonly ssh: readonly SshRule[] | undefined;
  readonly nodeAttrs: readonly NodeAttrRule[];
  readonly tests: readonly PolicyTest[];
  readonly sshTests: readonly SshTest[];
  /** As written, after its checks. */
  readonly derpMap: DerpSection | undefined;
  readonly isIpv4Disabled: boolean;
  readonly oneCgnatRoute: '' | 'mac-always' | 'mac-never';
  readonly isClientPortRandom: boolean;
}

export interface DerpSection {
  readonly at: Place;
  readonly omitDefaultRegions: boolean;
  readonly regions: ReadonlyMap<number, unknown>;
}
