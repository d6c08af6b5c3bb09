/** What one is likely to type between two quotation marks of a policy. */
import { useMemo } from 'react';
import type { Node, User } from '#shared/console/shapes.ts';
import type { Word } from '../../../ui/code/hujson.ts';
import { t } from '../../../ui/text.ts';
import { useQuery } from '../../api/query.ts';
import { useMay } from '../../app/session.ts';

const AUTOGROUPS = [
  'internet',
  'self',
  'member',
  'admin',
  'owner',
  'it-admin',
  'network-admin',
  'auditor',
  'tagged',
  'nonroot',
];
const SECTIONS = [
  'acls',
  'autoApprovers',
  'grants',
  'groups',
  'hosts',
  'ipsets',
  'nodeAttrs',
  'postures',
  'ssh',
  'sshTests',
  'tagOwners',
  'tests',
];
const FIELDS = [
  'accept',
  'action',
  'app',
  'deny',
  'dst',
  'exitNode',
  'ip',
  'proto',
  'routes',
  'src',
  'srcPosture',
  'users',
  'via',
];
/** Names that the text itself gives: its groups, tags, hosts, postures. */
const GIVEN = /"((?:group|tag|ipset|posture):[^"\s]{1,64})"/g;
const MOST = 2_000;

export function useWords(text: string): readonly Word[] {
  const may = useMay();
  const users = useQuery('users.list', may('users.list') ? {} : undefined);
  const nodes = useQuery('nodes.list', may('nodes.list') ? {} : undefined);
  const given = useMemo(
    () => [...new Set([...text.matchAll(GIVEN)].map((found) => found[1] ?? ''))].sort().join('\n'),
    [text],
  );
  return useMemo(
    () => collect(given.split('\n'), nodes.data ?? [], users.data ?? []),
    [given, users.data, nodes.data],
  );
}

function collect(given: readonly string[], nodes: readonly Node[], users: readonly User[]): readonly Word[] {
  const all: readonly Word[] = [
    ...given.map((text) => ({ text, kind: text.split(':', 1)[0] ?? '' })),
    ...nodes.flatMap(({ tags }) => tags.map((text) => ({ text, kind: t('tag') }))),
    ...AUTOGROUPS.map((name) => ({ text: `autogroup:${name}`, kind: t('group') })),
    ...SECTIONS.map((text) => ({ text, kind: t('section') })),
    ...FIELDS.map((text) => ({ text, kind: t('field') })),
    ...users.map(({ name, email }) => ({ text: loginOf(name, email), kind: t('user') })),
    ...nodes.map(({ name }) => ({ text: name, kind: t('machine') })),
  ];
  const words = new Map(all.filter(({ text }) => text !== '').map((word) => [word.text, word]));
  return [...words.values()].slice(0, MOST);
}

/** As rules name people: with an @, also where there is no domain. */
const loginOf = (name: string, email: string | null): string =>
  name.includes('@') ? name : (email ?? `${name}@`);
