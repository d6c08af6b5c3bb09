/** The calls that the console makes: what it sends and what it reads of the answer. src-control/console checks that the server agrees. */
import { z } from 'zod/mini';
import type { Topic } from './live.ts';
import {
  adminCode,
  apiKey,
  auditPage,
  auditVerdict,
  authKey,
  dnsRecord,
  dnsSettings,
  list,
  node,
  oauthClient,
  pending,
  policyCurrent,
  policyDiff,
  policyExplanation,
  policyJudgement,
  policyOutcome,
  policyReach,
  policyVersion,
  policyVersionText,
  type Role,
  relayMap,
  route,
  settings,
  user,
} from './shapes.ts';

const MANY = 100_000;

/** Schemas of the answers, by name of the call. */
export const results = {
  'nodes.list': list(node, MANY),
  'nodes.pending': list(pending),
  'nodes.approve': node,
  'nodes.expire': node,
  'nodes.delete': node,
  'nodes.rename': node,
  'nodes.reject': z.unknown(),
  'nodes.tag': node,
  'nodes.move': node,
  'nodes.set-ip': node,
  'nodes.authorize': node,
  'nodes.disable': node,
  'nodes.enable': node,
  'nodes.key-expiry': node,
  'nodes.set-attribute': node,
  'nodes.remove-attribute': node,
  'routes.list': list(route, MANY),
  'routes.approve': node,
  'users.list': list(user, MANY),
  'users.create': user,
  'preauthkeys.list': list(authKey, MANY),
  'preauthkeys.create': authKey,
  'preauthkeys.revoke': authKey,
  'preauthkeys.delete': authKey,
  'apikeys.list': list(apiKey, MANY),
  'apikeys.create': apiKey,
  'apikeys.expire': apiKey,
  'apikeys.delete': apiKey,
  'oauth-clients.list': list(oauthClient, MANY),
  'oauth-clients.create': oauthClient,
  'oauth-clients.update': oauthClient,
  'oauth-clients.delete': oauthClient,
  'my.nodes': list(node),
  'my.node-rename': node,
  'my.node-expire': node,
  'my.node-delete': node,
  'my.keys': list(authKey),
  'my.key-create': authKey,
  'my.key-expire': authKey,
  'dns.get': dnsSettings,
  'dns.set': dnsSettings,
  'dns.records.list': list(dnsRecord, MANY),
  'dns.records.add': dnsRecord,
  'dns.records.remove': dnsRecord,
  'derp.map': relayMap,
  'policy.get': policyCurrent,
  'policy.check': policyJudgement,
  'policy.set': policyOutcome,
  'policy.rollback': policyOutcome,
  'policy.history': list(policyVersion),
  'policy.version': policyVersionText,
  'policy.diff': policyDiff,
  'policy.explain': policyExplanation,
  'policy.reach': policyReach,
  'users.rename': user,
  'users.delete': user,
  'users.approve': user,
  'users.suspend': user,
  'users.restore': user,
  'users.role': user,
  'audit.list': auditPage,
  'audit.verify': auditVerdict,
  'settings.get': settings,
  'settings.set': settings,
  'admin-code.create': adminCode,
} as const;

export type CallName = keyof typeof results;

type Nothing = Readonly<Record<never, never>>;
interface OneNode {
  readonly node: string;
}
interface OneKey {
  readonly key: string;
}
interface NewOwnKey {
  readonly reusable: boolean;
  readonly ephemeral: boolean;
  readonly expirationMs: number;
  readonly description?: string;
}
interface NewClient {
  readonly scopes: string[];
  readonly tags?: string[];
  readonly description?: string;
}

interface PolicyChange {
  readonly ifMatch?: string;
  readonly comment?: string;
  readonly confirm?: boolean;
}

export interface CallArgs {
  'nodes.list': { readonly user?: string; readonly ids?: readonly number[] };
  'nodes.pending': Nothing;
  'nodes.approve': { readonly request: string; readonly user?: string };
  'nodes.expire': OneNode;
  'nodes.delete': OneNode;
  'nodes.rename': OneNode & { readonly newName: string };
  'nodes.reject': { readonly request: string };
  'nodes.tag': OneNode & { readonly tags: string[] };
  'nodes.move': OneNode & { readonly user: string };
  'nodes.set-ip': OneNode & { readonly ipv4?: string; readonly ipv6?: string };
  'nodes.authorize': OneNode;
  'nodes.disable': OneNode;
  'nodes.enable': OneNode;
  'nodes.key-expiry': OneNode & { readonly disabled: boolean };
  'nodes.set-attribute': OneNode & {
    readonly key: string;
    readonly value: string | number | boolean;
    readonly comment?: string;
  };
  'nodes.remove-attribute': OneNode & { readonly key: string };
  'routes.list': Nothing;
  'routes.approve': OneNode & { readonly routes: string[] };
  'users.list': Nothing;
  'users.create': { readonly name: string; readonly displayName?: string };
  'preauthkeys.list': { readonly user?: string };
  'preauthkeys.create': NewOwnKey & {
    readonly user?: string;
    readonly tags?: string[];
    readonly preapproved?: boolean;
    readonly maxUses?: number;
  };
  'preauthkeys.revoke': OneKey;
  'preauthkeys.delete': OneKey;
  'apikeys.list': Nothing;
  'apikeys.create': {
    readonly scopes?: string[];
    readonly description?: string;
    readonly expirationMs?: number;
  };
  'apikeys.expire': OneKey;
  'apikeys.delete': OneKey;
  'oauth-clients.list': Nothing;
  'oauth-clients.create': NewClient;
  'oauth-clients.update': NewClient & { readonly client: string };
  'oauth-clients.delete': { readonly client: string };
  'my.nodes': Nothing;
  'my.node-rename': OneNode & { readonly newName: string };
  'my.node-expire': OneNode;
  'my.node-delete': OneNode;
  'my.keys': Nothing;
  'my.key-create': NewOwnKey;
  'my.key-expire': OneKey;
  'dns.get': Nothing;
  'dns.set': {
    readonly magicDns?: boolean;
    readonly overrideLocalDns?: boolean;
    readonly nameservers?: { address: string; useWithExitNode: boolean }[];
    readonly splitDnsPatch?: Record<string, { address: string; useWithExitNode: boolean }[] | null>;
    readonly searchDomains?: string[];
    readonly https?: boolean;
  };
  'dns.records.list': Nothing;
  'dns.records.add': {
    readonly name: string;
    readonly type?: string;
    readonly value: string;
    readonly comment?: string;
  };
  'dns.records.remove': { readonly id: number };
  'derp.map': Nothing;
  'policy.get': Nothing;
  'policy.check': { readonly text: string };
  'policy.set': PolicyChange & { readonly text: string };
  'policy.rollback': PolicyChange & { readonly version: number };
  'policy.history': { readonly limit?: number };
  'policy.version': { readonly version: number };
  'policy.diff': { readonly from?: number; readonly to?: number; readonly text?: string };
  'policy.explain': {
    readonly src: string;
    readonly dst: string;
    readonly proto?: string;
    readonly text?: string;
  };
  'policy.reach': { readonly nodes?: readonly number[]; readonly limit?: number };
  'users.rename': { readonly user: string; readonly newName: string };
  'users.delete': { readonly user: string };
  'users.approve': { readonly user: string };
  'users.suspend': { readonly user: string };
  'users.restore': { readonly user: string };
  'users.role': { readonly user: string; readonly role: Role };
  'audit.list': {
    readonly from?: number;
    readonly until?: number;
    readonly actor?: string;
    readonly target?: string;
    readonly action?: string;
    readonly beforeSeq?: number;
    readonly limit?: number;
  };
  'audit.verify': Nothing;
  'settings.get': Nothing;
  'settings.set': {
    readonly devicesApproval?: boolean;
    readonly usersApproval?: boolean;
    readonly devicesKeyDurationDays?: number | null;
    readonly policyManagedElsewhere?: boolean;
    readonly policyLink?: string;
  };
  'admin-code.create': { readonly user?: string; readonly expirationMs: number };
}

export type ConsoleCalls = {
  readonly [K in CallName]: { readonly arg: CallArgs[K]; readonly result: z.output<(typeof results)[K]> };
};

/** Which parts of the state an answer is made of. */
const TOPICS: Readonly<Record<string, readonly Topic[]>> = {
  nodes: ['nodes', 'users', 'routes'],
  my: ['nodes', 'keys'],
  users: ['users'],
  preauthkeys: ['keys', 'users'],
  apikeys: ['keys', 'users'],
  'oauth-clients': ['keys'],
  dns: ['dns'],
  derp: ['relays'],
  routes: ['routes', 'nodes'],
  policy: ['policy', 'nodes', 'users'],
  audit: ['audit'],
  settings: ['settings'],
  webhooks: ['webhooks'],
  sessions: ['sessions'],
};

export function topicsOf(name: CallName): readonly Topic[] {
  if (name === 'nodes.pending') return ['pending'];
  return TOPICS[name.split('.', 1)[0] ?? ''] ?? [];
}
