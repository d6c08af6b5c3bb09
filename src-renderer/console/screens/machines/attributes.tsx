/** What is known of a machine's condition, for the policy to ask: set by administrators and programs. */
import { Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import type { Node } from '#shared/console/shapes.ts';
import { Button, IconButton } from '../../../ui/button.tsx';
import { FormDialog } from '../../../ui/dialog.tsx';
import { TextField } from '../../../ui/field.tsx';
import { Card } from '../../../ui/page.tsx';
import { t } from '../../../ui/text.ts';
import { tellDone } from '../../../ui/toast.tsx';
import { call } from '../../api/client.ts';
import { act } from '../../app/act.ts';
import { useMay } from '../../app/session.ts';

export function Attributes({ node }: { readonly node: Node }): React.JSX.Element | null {
  const may = useMay();
  const [isAdding, setAdding] = useState(false);
  const entries = Object.entries(node.attributes);
  if (entries.length === 0 && !may('nodes.set-attribute')) return null;
  return (
    <Card
      title={t('Attributes')}
      about={t('Rules of the policy may ask for them.')}
      actions={
        may('nodes.set-attribute') ? (
          <Button size="small" icon={Plus} onPress={() => setAdding(true)}>
            {t('Set')}
          </Button>
        ) : undefined
      }
    >
      {entries.length === 0 ? null : (
        <ul className="plain-list">
          {entries.map(([key, { value, comment }]) => (
            <li key={key}>
              <span>
                <span className="mono">
                  {key} = {String(value)}
                </span>
                {comment === '' ? null : <div className="grid-note">{comment}</div>}
              </span>
              {may('nodes.remove-attribute') ? (
                <IconButton
                  size="small"
                  icon={Trash2}
                  label={t('Remove {what}', { what: key })}
                  onPress={() =>
                    void act(t('{what} is removed', { what: key }), () =>
                      call('nodes.remove-attribute', { node: String(node.id), key }),
                    )
                  }
                />
              ) : null}
            </li>
          ))}
        </ul>
      )}
      {isAdding ? <AttributeDialog node={node} onClose={() => setAdding(false)} /> : null}
    </Card>
  );
}

/** `true`, `42` and `"42"` are different things to the policy. */
export function parseValue(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^-?\d{1,15}(\.\d{1,9})?$/.test(text)) return Number(text);
  return text.replace(/^"(.*)"$/, '$1');
}

function AttributeDialog({
  node,
  onClose,
}: {
  readonly node: Node;
  readonly onClose: () => void;
}): React.JSX.Element {
  const [key, setKey] = useState('custom:');
  const [value, setValue] = useState('');
  const [comment, setComment] = useState('');
  return (
    <FormDialog
      title={t('Set an attribute of {name}', { name: node.name })}
      submit={t('Set')}
      size="small"
      canSubmit={/^custom:[A-Za-z0-9_-]{1,43}$/.test(key) && value !== ''}
      onClose={onClose}
      onSubmit={async () => {
        const rest = comment === '' ? {} : { comment };
        await call('nodes.set-attribute', { node: String(node.id), key, value: parseValue(value), ...rest });
        tellDone(t('{what} is set', { what: key }));
        onClose();
      }}
    >
      <TextField label={t('Name')} value={key} onChange={setKey} isMono help={t('Begins with custom:')} />
      <TextField
        label={t('Value')}
        value={value}
        onChange={setValue}
        isMono
        help={t('true, false, a number, or text')}
      />
      <TextField label={t('Comment')} value={comment} onChange={setComment} maxLength={256} />
    </FormDialog>
  );
}
