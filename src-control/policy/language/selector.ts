/** The words that rules name machines with: which kind each is (policy.md §3.1). */
import { parsePrefix } from '#shared/ip/address.ts';
import { type Cidr, cidrOf } from '../sets/ranges.ts';

export type Selector =
  | {
      readonly kind: 'prefix';
      readonly text: string;
      readonly cidr: Cidr;
      readonly hasLength: boolean;
      readonly isMasked: boolean;
    }
  | { readonly kind: 'any'; readonly text: string }
  | { readonly kind: NamedKind; readonly text: string };

export type NamedKind = 'group' | 'tag' | 'autogroup' | 'ipset' | 'service' | 'posture' | 'user' | 'host';

const PREFIXES: readonly (readonly [string, NamedKind])[] = [
  ['group:', 'group'],
  ['tag:', 'tag'],
  ['autogroup:', 'autogroup'],
  ['ipset:', 'ipset'],
  ['svc:', 'service'],
  ['posture:', 'posture'],
];

/** The selector, or why `raw` is none. */
export function parseSelector(raw: string): Selector | string {
  const text = raw.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
  const prefix = parsePrefix(text);
  if (prefix !== undefined) {
    const cidr = cidrOf(prefix);
    const hasLength = text.includes('/');
    return {
      kind: 'prefix',
      text,
      cidr,
      hasLength,
      isMasked: cidrOf({ ...prefix, bits: prefix.ip.length * 8 }).first !== cidr.first,
    };
  }
  if (text === '*') return { kind: 'any', text };
  const named = PREFIXES.find(([start]) => text.startsWith(start));
  if (named !== undefined) return { kind: named[1], text };
  if (text.includes('@')) return { kind: 'user', text };
  if (text === '') return 'invalid alias format: "": write a user, group, tag, host or address';
  if (!text.includes(':')) return { kind: 'host', text };
  const known = PREFIXES.map(([start]) => start).join(', ');
  return `invalid alias format: ${JSON.stringify(text)}: what stands before the colon must be one of ${known}`;
}

/** Words that can't be names of hosts. */
export const isReservedWord = (name: string): boolean =>
  PREFIXES.some(([start]) => name.startsWith(start)) || name === '*' || parsePrefix(name) !== undefined;

export const ROLE_GROUPS = [
  'autogroup:owner',
  'autogroup:admin',
  'autogroup:it-admin',
  'autogroup:network-admin',
  'autogroup:billing-admin',
  'autogroup:auditor',
] as const;
export const isRoleGroup = (text: string): boolean => (ROLE_GROUPS as readonly string[]).includes(text);

export const AUTOGROUPS: readonly string[] = [
  'autogroup:member',
  'autogroup:tagged',
  'autogroup:self',
  'autogroup:internet',
  'autogroup:danger-all',
  'autogroup:nonroot',
  'autogroup:shared',
  ...ROLE_GROUPS,
];
