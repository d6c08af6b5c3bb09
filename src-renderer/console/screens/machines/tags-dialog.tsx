/** Tags of one machine or several: those it has, those that others have, and new ones. */
import { useState } from 'react';
import type { Node } from '#shared/console/shapes.ts';
import { FormDialog } from '../../../ui/dialog.tsx';
import { Notice } from '../../../ui/notice.tsx';
import { TagInput } from '../../../ui/tag-input.tsx';
import { plural, t } from '../../../ui/text.ts';
import { tellDone } from '../../../ui/toast.tsx';
import { call } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { actOnMany } from '../../app/act.ts';

/** Tags that machines have: what one is likely to want again. */
export function useKnownTags(): readonly string[] {
  const { data = [] } = useQuery('nodes.list', {});
  return [...new Set(data.flatMap(({ tags }) => tags))].sort();
}

export const tagProblem = (tag: string): string | undefined =>
  /^tag:[a-z][a-z0-9-]{0,62}$/i.test(tag)
    ? undefined
    : t('A tag is “tag:” and letters, digits or hyphens, beginning with a letter');

export const completeTag = (text: string): string => (text.startsWith('tag:') ? text : `tag:${text}`);

export function TagsDialog({
  nodes,
  onClose,
}: {
  readonly nodes: readonly Node[];
  readonly onClose: () => void;
}): React.JSX.Element {
  const [first] = nodes;
  const common = first?.tags.filter((tag) => nodes.every(({ tags }) => tags.includes(tag))) ?? [];
  const [tags, setTags] = useState<readonly string[]>(common);
  const known = useKnownTags();
  const isFirstTag = nodes.some((node) => node.tags.length === 0) && tags.length > 0;
  const save = async (): Promise<void> => {
    const next = (node: Node): string[] => [
      ...new Set([...node.tags.filter((tag) => !common.includes(tag)), ...tags]),
    ];
    if (nodes.length === 1 && first !== undefined) {
      await call('nodes.tag', { node: String(first.id), tags: next(first) });
      tellDone(t('The tags of {name} are changed', { name: first.name }));
    } else
      await actOnMany(
        nodes,
        (node) => node.name,
        (node) => call('nodes.tag', { node: String(node.id), tags: next(node) }),
      );
    onClose();
  };
  return (
    <FormDialog
      title={plural(nodes.length, 'Tags of {name}', 'Tags of {count} machines', { name: first?.name ?? '' })}
      submit={t('Save')}
      onClose={onClose}
      onSubmit={save}
    >
      <TagInput
        label={nodes.length === 1 ? t('Tags') : t('Tags that all of them have')}
        help={t('A tag says what a machine is for, such as tag:server. The policy decides who may give it.')}
        value={tags}
        onChange={setTags}
        known={known}
        complete={completeTag}
        problemOf={tagProblem}
      />
      {isFirstTag ? (
        <Notice tone="warn">
          {t(
            'A machine with tags belongs to them alone: it has no owner any more, and its key never expires.',
          )}
        </Notice>
      ) : null}
    </FormDialog>
  );
}
