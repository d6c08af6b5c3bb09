/** Another owner for machines. */
import { useState } from 'react';
import type { Node } from '#shared/console/shapes.ts';
import { ComboBox } from '../../../ui/choice.tsx';
import { FormDialog } from '../../../ui/dialog.tsx';
import { plural, t } from '../../../ui/text.ts';
import { tellDone } from '../../../ui/toast.tsx';
import { call } from '../../api/client.ts';
import { useQuery } from '../../api/query.ts';
import { actOnMany } from '../../app/act.ts';
import { isTagged } from './facts.ts';

export function MoveDialog({
  nodes,
  onClose,
}: {
  readonly nodes: readonly Node[];
  readonly onClose: () => void;
}): React.JSX.Element {
  const users = useQuery('users.list', {});
  const [user, setUser] = useState<string>();
  const [first] = nodes;
  const options = (users.data ?? [])
    .filter(({ suspended }) => !suspended)
    .map(({ name, display_name }) => ({ id: name, text: name, note: display_name || undefined }));
  return (
    <FormDialog
      title={plural(nodes.length, 'Change the owner of {name}', 'Change the owner of {count} machines', {
        name: first?.name ?? '',
      })}
      submit={t('Change owner')}
      size="small"
      canSubmit={user !== undefined}
      onClose={onClose}
      onSubmit={async () => {
        if (user === undefined) return;
        if (nodes.length === 1 && first !== undefined) {
          await call('nodes.move', { node: String(first.id), user });
          tellDone(t('{name} belongs to {user} now', { name: first.name, user }));
        } else
          await actOnMany(
            nodes,
            (node) => node.name,
            (node) => call('nodes.move', { node: String(node.id), user }),
          );
        onClose();
      }}
    >
      <ComboBox
        label={t('New owner')}
        options={options}
        value={user}
        onChange={setUser}
        placeholder={t('Find a user')}
      />
      {nodes.some(isTagged) ? (
        <p className="soft">{t('The machine loses its tags: it belongs to a person again.')}</p>
      ) : null}
    </FormDialog>
  );
}
