/** What one is likely to type between two quotation marks of a policy. */
import { useMemo } from 'react';
import type { Word } from '../../../ui/code/hujson.ts';
import { t } from '../../../ui/text.ts';
import { useQuery } from '../../api/query.ts';
import { useMay } from '../../app/session.ts';

const AUTOGROUPS = ['internet', 'self', 'member', 'admin', 'owner', 'it-admin', 'network-admin', 'auditor', 'tagged', 'nonroot'];
const SECTIONS = ['acls', 'autoApprovers', 'grants', 'groups', 'hosts', 'ipsets', 'nodeAttrs', 'postures', 'ssh', 'sshTests', 'tagOwners', 'tests'];
const FIELDS = ['accept', 'action', 'app', 'deny', 'dst', 'exitNode', 'ip', 'proto', 'routes', 'src', 'srcPosture', 'users', 'via'];
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
  return useMemo(() => {
    const words = new Map<string, Word>();
    const add = (word: string, kind: string): void => {
      if (word !== '' && words.size < MOST) words.set(word, { text: word, kind });
    };
    for (const word of given.split('\n')) add(word, word.split(':', 1)[0] ?? '');
    for (const { tags } of nodes.data ?? []) for (const tag of tags) add(tag, t('tag'));
    for (const name of AUTOGROUPS) add(`autogroup:${name}`, t('group'));
    for (const name of SECTIONS) add(name, t('section'));
    for (const name of FIELDS) add(name, t('field'));
    for (const { name, email } of users.data ?? []) add(name.includes('@') ? name : (email ?? `${name}@`), t('user'));
    for (const { name } of (nodes.data ?? []).slice(0, 500)) add(name, t('machine'));
    return [...words.values()];
  }, [given, users.data, nodes.data]);
}
