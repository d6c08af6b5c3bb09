/** Which selector may stand where, and what is said when it may not (policy.md §3.2, §6.3). */
import { AUTOGROUPS, isRoleGroup, type Selector } from './selector.ts';

export type Position =
  | 'acl-src'
  | 'acl-dst'
  | 'grant-src'
  | 'grant-dst'
  | 'ssh-src'
  | 'ssh-dst'
  | 'nodeattr'
  | 'owner'
  | 'approver'
  | 'test-src'
  | 'test-dst'
  | 'sshtest-src'
  | 'sshtest-dst'
  | 'ipset'
  | 'broadcast';

export interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** What may stand there besides users, groups and tags, which may everywhere unless listed below. */
const KINDS: Readonly<Record<Position, readonly Selector['kind'][]>> = {
  'acl-src': ['any', 'prefix', 'host', 'user', 'group', 'tag', 'ipset'],
  'acl-dst': ['any', 'prefix', 'host', 'user', 'group', 'tag', 'ipset', 'service'],
  'grant-src': ['any', 'prefix', 'host', 'user', 'group', 'tag', 'ipset'],
  'grant-dst': ['any', 'prefix', 'host', 'user', 'group', 'tag', 'ipset', 'service'],
  'ssh-src': ['user', 'group', 'tag'],
  'ssh-dst': ['user', 'tag'],
  nodeattr: ['any', 'prefix', 'host', 'user', 'group', 'tag'],
  owner: ['user', 'group', 'tag'],
  approver: ['user', 'group', 'tag'],
  'test-src': ['any', 'prefix', 'host', 'user', 'group', 'tag', 'ipset'],
  'test-dst': ['any', 'prefix', 'host', 'user', 'group', 'tag', 'ipset', 'service'],
  'sshtest-src': ['prefix', 'host', 'user', 'group', 'tag'],
  'sshtest-dst': ['prefix', 'host', 'user', 'tag'],
  ipset: ['prefix', 'host', 'ipset'],
  broadcast: ['any', 'prefix', 'host', 'user', 'group', 'tag'],
};

/** Besides the role groups, see below. */
const AUTOGROUPS_AT: Readonly<Record<Position, readonly string[]>> = {
  'acl-src': ['member', 'tagged', 'danger-all', 'shared'],
  'acl-dst': ['member', 'tagged', 'self', 'internet'],
  'grant-src': ['member', 'tagged', 'danger-all', 'shared'],
  'grant-dst': ['member', 'tagged', 'self', 'internet'],
  'ssh-src': ['member', 'tagged'],
  'ssh-dst': ['member', 'tagged', 'self'],
  nodeattr: ['member', 'tagged'],
  owner: ['member'],
  approver: ['member'],
  'test-src': ['member', 'tagged', 'danger-all', 'shared'],
  'test-dst': ['member', 'tagged'],
  'sshtest-src': ['member', 'tagged'],
  'sshtest-dst': ['member', 'tagged', 'self'],
  ipset: ['internet'],
  broadcast: ['member', 'tagged'],
};
const NO_ROLES: ReadonlySet<Position> = new Set(['ssh-dst', 'sshtest-dst', 'ipset']);

const WORDS: Readonly<Record<Position, string>> = {
  'acl-src': 'ACL sources',
  'acl-dst': 'ACL destinations',
  'grant-src': 'ACL sources',
  'grant-dst': 'ACL destinations',
  'ssh-src': 'SSH sources',
  'ssh-dst': 'SSH destinations',
  nodeattr: 'nodeAttrs targets',
  owner: 'tag owners',
  approver: 'auto-approvers',
  'test-src': 'test sources',
  'test-dst': 'test destinations',
  'sshtest-src': 'SSH test sources',
  'sshtest-dst': 'SSH test destinations',
  ipset: 'IP sets',
  broadcast: 'broadcastToPeers',
};

function autogroupRefusal(text: string, position: Position): Refusal | undefined {
  if (!AUTOGROUPS.includes(text))
    return {
      code: 'autogroup-unknown',
      message: `unknown autogroup: invalid autogroup ${JSON.stringify(text)}: use one of ${AUTOGROUPS.join(', ')}`,
    };
  const legal = AUTOGROUPS_AT[position].map((name) => `autogroup:${name}`);
  if (legal.includes(text) || (isRoleGroup(text) && !NO_ROLES.has(position))) return undefined;
  const list = `can be ${legal.join(', ')}`;
  const isSource = position.endsWith('-src');
  if (position === 'sshtest-dst')
    return {
      code: 'sshtest-element',
      message: `SSH tests dst contains disallowed element ${JSON.stringify(text)}`,
    };
  if (text === 'autogroup:self' && isSource)
    return { code: 'autogroup-src-self', message: '"autogroup:self" not valid on the src side of a rule' };
  if (text === 'autogroup:internet' && position === 'test-dst')
    return { code: 'test-internet', message: 'autogroup:internet not valid as a test destination' };
  if (text === 'autogroup:internet' && (isSource || position === 'ssh-dst'))
    return {
      code: 'autogroup-src-internet',
      message: 'autogroup:internet can only be used in ACL destinations',
    };
  if (text === 'autogroup:danger-all' && position.endsWith('-dst'))
    return { code: 'autogroup-dst-danger', message: 'cannot use autogroup:danger-all as a dst' };
  if (position === 'nodeattr')
    return {
      code: 'nodeattr-autogroup',
      message: `nodeAttrs target does not support this autogroup: ${JSON.stringify(text)}, ${list}`,
    };
  return {
    code: 'autogroup-position',
    message: `autogroup not supported for ${WORDS[position]}: ${JSON.stringify(text)}, ${list}`,
  };
}

/** Why `selector` may not stand at `position`; undefined when it may. */
export function refusal(selector: Selector, position: Position): Refusal | undefined {
  if (selector.kind === 'autogroup') return autogroupRefusal(selector.text, position);
  if (KINDS[position].includes(selector.kind)) return undefined;
  const shown = JSON.stringify(selector.text);
  if (position === 'ssh-dst') {
    if (selector.kind === 'host')
      return { code: 'ssh-dst-host', message: `invalid dst ${shown}: name machines by tag or owner` };
    if (selector.kind === 'any')
      return {
        code: 'ssh-dst-wildcard',
        message:
          'wildcard (*) is not supported as SSH destination: use autogroup:member and autogroup:tagged',
      };
    return { code: 'ssh-dst-kind', message: `alias not supported for SSH destination: ${shown}` };
  }
  if (position === 'ssh-src')
    return { code: 'ssh-src-kind', message: `alias not supported for SSH source: ${shown}` };
  if (position === 'sshtest-dst')
    return { code: 'sshtest-element', message: `SSH tests dst contains disallowed element ${shown}` };
  return {
    code: 'selector-position',
    message: `${shown} is not supported for ${WORDS[position]}: use ${KINDS[position].join(', ')}`,
  };
}
